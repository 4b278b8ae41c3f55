/** Notices about several servers, about waiting and about memory. */
import type { Listener, Report, Service } from '../../../../orchestrator/protocol/messages.ts';
import type { Situation } from '../../../../orchestrator/students/notice-texts.ts';
import {
  dueNotices,
  initialNoticeMemory,
  type NoticeMemory,
} from '../../../../orchestrator/students/notices.ts';
import { situation as anySituation, sessionReport as report } from '../../../support/situation.ts';

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
  purpose: 'page',
  isPublic: true,
  ...parts,
});
const typed = (ageSeconds: number) => [{ id: 'a', command: 'npm run dev', ageSeconds }];

const situation = (parts: Partial<Report>, more: Partial<Situation> = {}): Situation =>
  anySituation({ live: true, reason: 'serving', report: report(parts), ...more });

function textsFor(...course: Situation[]): string[] {
  let memory: NoticeMemory = initialNoticeMemory;
  return course.flatMap((each) => {
    const due = dueNotices(memory, each);
    memory = JSON.parse(JSON.stringify(due.memory)) as NoticeMemory;
    return due.notices.map(({ text }) => text);
  });
}

test('the announcement is the link alone; on another port than $PORT it says which and why', () => {
  expect(textsFor(situation({ service: serving(3001, 'port-variable'), listeners: [on(3001)] }))).toEqual([
    'live at http://alice.localhost:8080',
  ]);
  expect(textsFor(situation({ service: serving(5173), listeners: [on(5173)] }))).toEqual([
    'live at http://alice.localhost:8080   (port 5173: the only web server here)',
  ]);
});

test('another web server is mentioned once, with how to switch; a database and a private server are not', () => {
  const both = {
    service: serving(5173, 'watched-command'),
    listeners: [on(4000), on(5173), on(5432, { speaks: 'other' }), on(6000, { isPublic: false })],
  };
  const lines = textsFor(
    situation({ service: serving(5173), listeners: [on(5173)] }),
    situation(both),
    situation(both, { now: 3000 }),
    situation({ ...both, listeners: [on(5173)] }, { now: 4000 }),
    situation(both, { now: 5000 }),
    situation(both, { now: 9000 }),
  );
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^Your link shows port 5173\. To show 4000: devenv-port 4000 .*localhost:4000/);
});

test('short-lived servers of a test run are not mentioned, one that lasts is, counted from its start', () => {
  const at = (now: number, ...others: number[]) =>
    situation({ service: serving(5173), listeners: [on(5173), ...others.map((port) => on(port))] }, { now });
  const shortLived = [
    at(0),
    at(2000, 39_455),
    at(4000, 39_455),
    at(4900, 40_001),
    at(6000, 41_210),
    at(8000),
  ];
  expect(textsFor(...shortLived)).toEqual([expect.stringContaining('live at')]);
  expect(textsFor(...shortLived, at(9000, 39_455), at(11_000, 39_455))).toHaveLength(1);
  expect(textsFor(...shortLived, at(9000, 8000), at(11_000, 8000, 42_000), at(12_000, 8000, 42_000))).toEqual(
    [expect.stringContaining('live at'), expect.stringContaining('To show 8000: devenv-port 8000')],
  );
});

test('a port that the student chose is mentioned at once, another change when it lasts', () => {
  const first = situation({ service: serving(5173), listeners: [on(5173), on(4000)] });
  const lasting = { ...first, now: 3000 };
  const chosen = situation({ service: serving(4000, 'chosen'), listeners: [on(5173), on(4000)] }, { now: 1 });
  expect(textsFor(first, chosen).at(-1)).toBe('Your link shows port 4000 now: chosen with devenv-port.');
  const other = (now: number) => situation({ service: serving(4000), listeners: [on(4000)] }, { now });
  expect(textsFor(first, lasting, other(4000), { ...first, now: 5000 })).toHaveLength(2);
  expect(textsFor(first, lasting, other(4000), other(7000), other(12_000)).slice(2)).toEqual([
    'Your link shows port 4000 now: the only web server here.',
  ]);
});

test('when the newer of two commands ends, the older one is not announced again', () => {
  const old = { id: 'old', command: 'npm run dev', ageSeconds: 50 };
  const live = { service: serving(5173), listeners: [on(5173)] };
  const lines = textsFor(
    situation({ ...live, starting: [old] }, { now: 50_000 }),
    situation(
      { ...live, starting: [old, { id: 'new', command: 'npm start', ageSeconds: 1 }] },
      { now: 60_000 },
    ),
    situation({ ...live, starting: [{ ...old, ageSeconds: 70 }] }, { now: 70_000 }),
  );
  expect(lines).toHaveLength(1);
});

test('a second command is announced with its own server, and a repeated one with its new server', () => {
  const at = (parts: Partial<Report>, now: number) =>
    situation({ service: serving(4000, 'watched-command'), ...parts }, { now });
  const second = [{ id: 'b', command: 'npm start', ageSeconds: 1 }];
  expect(
    textsFor(
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
    expect.stringContaining('To show 4000: devenv-port 4000'),
  ]);
  const again = at({ starting: second, listeners: [on(4000, { process: '10:1' })] }, 20_000);
  expect(textsFor(at({ starting: typed(1), listeners: [on(4000)] }, 10_000), again)).toHaveLength(2);
});

test('a slow start is mentioned once, with what listens instead', () => {
  const slow = (ageSeconds: number, listeners: Listener[] = []) =>
    situation(
      { starting: typed(ageSeconds), listeners },
      { reason: 'starting', now: 100_000 + ageSeconds * 1000 },
    );
  expect(textsFor(slow(1), slow(9))).toEqual([]);
  expect(textsFor(slow(1), slow(11), slow(20))).toEqual([
    'Still starting: nothing listens yet. Visitors see a waiting page until then.',
  ]);
  expect(textsFor(slow(11, [on(5432, { speaks: 'other' })]))[0]).toContain(
    'port 5432 listens, but does not speak HTTP',
  );
});

test("a debugger's port is never recommended, beside an app or with additional links", () => {
  const debugger_ = on(9229, { purpose: 'debugger', speaks: null });
  const beside = { service: serving(5173), listeners: [on(5173), debugger_, on(9200, { purpose: 'admin' })] };
  for (const maxLinks of [1, 3]) {
    const course = [0, 3000, 60_000].map((now) => situation(beside, { maxLinks, now }));
    expect(textsFor(...course)).toEqual([expect.stringMatching(/^live at [^\s]+ {3}\(port 5173/)]);
  }
});

test.each([
  ['debugger', 'Port 9229 is a debugger, so it is not public.'],
  ['admin', 'Port 9229 is a database or admin page, so it is not public. To show it: devenv-port 9229'],
] as const)(
  'where only a port with purpose %s listens, that is said once, when it lasts',
  (purpose, text) => {
    const only = (now: number, process = '9:1') =>
      situation({ listeners: [on(9229, { purpose, process })] }, { live: false, reason: 'no-service', now });
    expect(textsFor(only(0), only(2000))).toEqual([]);
    expect(textsFor(only(0), only(3000), only(9000))).toEqual([text]);
    expect(textsFor(only(0), only(3000), only(4000, '10:1'), only(9000, '10:1'))).toEqual([text, text]);
    // An app that listens a moment later needs no explanation.
    expect(textsFor(only(0), situation({ service: serving(5173) }, { now: 2000 }), only(4000))).toEqual([
      expect.stringContaining('live at'),
    ]);
  },
);

test('a slow start names the debugger that waits', () => {
  const waiting = { starting: typed(11), listeners: [on(9229, { purpose: 'debugger', speaks: null })] };
  expect(textsFor(situation(waiting, { live: false, reason: 'starting', now: 111_000 }))).toEqual([
    'Still starting: port 9229 is a debugger. Visitors see a waiting page until then.',
  ]);
});

test('a slow opening is mentioned once, with the other students in progress', () => {
  const waits = (now: number, othersInProgress: string[]) =>
    situation({ service: serving(3001) }, { live: false, phase: 'opening', now, othersInProgress });
  expect(textsFor(waits(1000, ['bob']))).toEqual([]);
  expect(textsFor(waits(3000, ['bob', 'carol']), waits(4000, ['bob']))).toEqual([
    'Opening your link… (in progress with bob, carol)',
  ]);
  expect(textsFor(waits(3000, []))[0]).toBe('Opening your link…');
});

test('an out-of-memory kill is mentioned once, with limit and peak', () => {
  const killed = situation(
    {},
    {
      live: false,
      reason: 'no-service',
      memoryKill: { at: 5, limitBytes: 2 ** 31, peakBytes: 1900 * 2 ** 20 },
    },
  );
  const lines = textsFor(killed, killed);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/was killed: out of memory \(limit: 2 GB, peak: 1\.9 GB\)/);
});

test('where additional links are allowed, another server is announced with its own link once that is live', () => {
  const both = { service: serving(5173), listeners: [on(5173), on(4000)] };
  const additionalLinks = new Map([[4000, 'http://alice-4000.localhost:8080']]);
  expect(
    textsFor(
      situation(both, { maxLinks: 2 }),
      situation(both, { maxLinks: 2, additionalLinks }),
      situation(both, { maxLinks: 2, additionalLinks }),
    ),
  ).toEqual([
    expect.stringContaining('live at http://alice.localhost:8080 '),
    "live at http://alice-4000.localhost:8080   (port 4000; pages must call it by this address: visitors can't reach localhost:4000)",
  ]);
  const three = { ...both, listeners: [...both.listeners, on(4001)] };
  const later = situation(three, { maxLinks: 2, additionalLinks, now: 3000 });
  expect(textsFor(situation(three, { maxLinks: 2, additionalLinks }), later).at(-1)).toContain(
    'To show 4001: devenv-port 4001',
  );
});
