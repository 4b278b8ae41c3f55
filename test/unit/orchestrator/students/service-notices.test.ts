/** What a student is told of several servers, of waiting, and of memory. */
import type { Listener, Report, Service } from '../../../../orchestrator/protocol/messages.ts';
import { dueNotices, type NoticeMemory, noNotices } from '../../../../orchestrator/students/notices.ts';
import type { Situation } from '../../../../orchestrator/students/situation.ts';
import { watchedBy } from '../../../../orchestrator/students/watch-patterns.ts';
import { situation as anySituation, report } from './situation.ts';

const serving = (port: number, reason: Service['reason'] = 'only-web-server'): Service => ({
  port,
  address: '127.0.0.1',
  scheme: 'http',
  reason,
});
const on = (port: number, parts: Partial<Listener> = {}): Listener => ({
  port,
  addresses: ['127.0.0.1'],
  process: '9:1',
  command: 'node',
  speaks: 'http',
  isPublic: true,
  ...parts,
});
const typed = (ageSeconds: number) => [{ id: 'a', command: 'npm run dev', ageSeconds }];

const situation = (parts: Partial<Report>, more: Partial<Situation> = {}): Situation =>
  anySituation({ live: true, reason: 'serving', report: report(parts), ...more });

function said(...course: Situation[]): string[] {
  let memory: NoticeMemory = noNotices;
  return course.flatMap((each) => {
    const due = dueNotices(memory, each);
    memory = JSON.parse(JSON.stringify(due.memory)) as NoticeMemory;
    return due.notices.map(({ text }) => text);
  });
}

test('on $PORT the line is the link alone; on another port it says which and why', () => {
  expect(said(situation({ service: serving(3001, 'port-variable'), listeners: [on(3001)] }))).toEqual([
    'live at http://alice.localhost:8080',
  ]);
  expect(said(situation({ service: serving(5173), listeners: [on(5173)] }))).toEqual([
    'live at http://alice.localhost:8080   (port 5173: the only web server here)',
  ]);
});

test('another web server is told once, with how to switch; a database, a private one and a debugger are not', () => {
  const both = {
    service: serving(5173, 'watched-command'),
    listeners: [on(4000), on(5173), on(5432, { speaks: 'other' }), on(6000, { isPublic: false })],
  };
  const lines = said(
    situation({ service: serving(5173), listeners: [on(5173)] }),
    situation(both),
    situation(both, { now: 3000 }),
    situation({ ...both, listeners: [on(5173)] }, { now: 4000 }),
    situation(both, { now: 5000 }),
    situation(both, { now: 9000 }),
  );
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(
    /^port 4000 serves too, but your link leads to 5173: `devenv-port 4000` switches\. .*localhost:4000/,
  );
});

test('the passing servers of a test run are not told, one that lasts is, counted from when it was there', () => {
  const at = (now: number, ...others: number[]) =>
    situation({ service: serving(5173), listeners: [on(5173), ...others.map((port) => on(port))] }, { now });
  const passing = [at(0), at(2000, 39_455), at(4000, 39_455), at(4900, 40_001), at(6000, 41_210), at(8000)];
  expect(said(...passing)).toEqual([expect.stringContaining('live at')]);
  expect(said(...passing, at(9000, 39_455), at(11_000, 39_455))).toHaveLength(1);
  expect(said(...passing, at(9000, 8000), at(11_000, 8000, 42_000), at(12_000, 8000, 42_000))).toEqual([
    expect.stringContaining('live at'),
    expect.stringContaining('port 8000 serves too'),
  ]);
});

test('a port that the student chose is told at once, one that changed by itself when it lasts', () => {
  const first = situation({ service: serving(5173), listeners: [on(5173), on(4000)] });
  const settled = { ...first, now: 3000 };
  const chosen = situation({ service: serving(4000, 'chosen'), listeners: [on(5173), on(4000)] }, { now: 1 });
  expect(said(first, chosen).at(-1)).toBe('your link leads to port 4000 now: chosen with devenv-port');
  const other = (now: number) => situation({ service: serving(4000), listeners: [on(4000)] }, { now });
  expect(said(first, settled, other(4000), { ...first, now: 5000 })).toHaveLength(2);
  expect(said(first, settled, other(4000), other(7000), other(12_000)).slice(2)).toEqual([
    'your link leads to port 4000 now: the only web server here',
  ]);
});

test('an end of the newer of two commands makes the older one not new', () => {
  const old = { id: 'old', command: 'npm run dev', ageSeconds: 50 };
  const live = { service: serving(5173), listeners: [on(5173)] };
  const lines = said(
    situation({ ...live, starting: [old] }, { now: 50_000 }),
    situation(
      { ...live, starting: [old, { id: 'new', command: 'npm start', ageSeconds: 1 }] },
      { now: 60_000 },
    ),
    situation({ ...live, starting: [{ ...old, ageSeconds: 70 }] }, { now: 70_000 }),
  );
  expect(lines).toHaveLength(1);
});

test('a second command is announced with its own server, and the same command again with its new one', () => {
  const at = (parts: Partial<Report>, now: number) =>
    situation({ service: serving(4000, 'watched-command'), ...parts }, { now });
  const second = [{ id: 'b', command: 'npm start', ageSeconds: 1 }];
  expect(
    said(
      at({ starting: typed(1), listeners: [on(4000)] }, 10_000),
      at({ starting: second, listeners: [on(4000)] }, 20_000),
      at(
        { starting: second, service: serving(8000, 'watched-command'), listeners: [on(4000), on(8000)] },
        21_000,
      ),
    ),
  ).toEqual([
    expect.stringContaining('live at http://alice.localhost:8080   (port 4000'),
    expect.stringContaining('live at http://alice.localhost:8080   (port 8000'),
    expect.stringContaining('port 4000 serves too'),
  ]);
  const again = at({ starting: second, listeners: [on(4000, { process: '10:1' })] }, 20_000);
  expect(said(at({ starting: typed(1), listeners: [on(4000)] }, 10_000), again)).toHaveLength(2);
});

test('a start that takes long is told once, with what listens instead', () => {
  const slow = (ageSeconds: number, listeners: Listener[] = []) =>
    situation(
      { starting: typed(ageSeconds), listeners },
      { reason: 'starting', now: 100_000 + ageSeconds * 1000 },
    );
  expect(said(slow(1), slow(9))).toEqual([]);
  expect(said(slow(1), slow(11), slow(20))).toEqual([
    'still starting: nothing listens so far; your link shows a waiting page meanwhile',
  ]);
  expect(said(slow(11, [on(5432, { speaks: 'other' })]))[0]).toContain(
    'port 5432 listens, but does not speak HTTP',
  );
});

test('a link that waits says for whom, once', () => {
  const waits = (now: number, behind: string[]) =>
    situation({ service: serving(3001) }, { live: false, phase: 'opening', now, behind });
  expect(said(waits(1000, ['bob']))).toEqual([]);
  expect(said(waits(3000, ['bob', 'carol']), waits(4000, ['bob']))).toEqual([
    'your link is being opened, together with or after the links of bob, carol; nothing to do',
  ]);
  expect(said(waits(3000, []))[0]).toContain('waiting for the edge');
});

test('a kill for memory is told once, with limit and peak', () => {
  const killed = situation(
    {},
    {
      live: false,
      reason: 'no-service',
      memoryKill: { at: 5, limitBytes: 2 ** 31, peakBytes: 1900 * 2 ** 20 },
    },
  );
  const lines = said(killed, killed);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/killed: out of memory \(the limit is 2 GB, the peak was 1\.9 GB\)/);
});

test("a student's own patterns come besides the class's", () => {
  const settings = {
    watch: ['npm run dev'],
    watchFor: ['alice=deno task dev', 'bob=bun dev', 'alice=x=y z'],
  };
  expect(watchedBy('alice', settings)).toEqual(['npm run dev', 'deno task dev', 'x=y z']);
  expect(watchedBy('carol', settings)).toEqual(['npm run dev']);
});

test('where further links may be had, a further server is told with its own, once that is live', () => {
  const both = { service: serving(5173), listeners: [on(5173), on(4000)] };
  const links = new Map([[4000, 'http://alice-4000.localhost:8080']]);
  expect(
    said(
      situation(both, { mostLinks: 2 }),
      situation(both, { mostLinks: 2, links }),
      situation(both, { mostLinks: 2, links }),
    ),
  ).toEqual([
    expect.stringContaining('live at http://alice.localhost:8080 '),
    "live at http://alice-4000.localhost:8080   (port 4000; a page must call it there: visitors can't reach localhost:4000)",
  ]);
  const three = { ...both, listeners: [...both.listeners, on(4001)] };
  const later = situation(three, { mostLinks: 2, links, now: 3000 });
  expect(said(situation(three, { mostLinks: 2, links }), later).at(-1)).toContain(
    'port 4001 serves too, but',
  );
});
