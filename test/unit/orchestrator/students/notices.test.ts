import type { Listener } from '../../../../orchestrator/protocol/messages.ts';
import { freshMemory, heldProblem } from '../../../../orchestrator/routes/desired-state.ts';
import { dueNotices, type NoticeMemory, noNotices } from '../../../../orchestrator/students/notices.ts';
import type { Situation } from '../../../../orchestrator/students/situation.ts';
import { report, situation } from './situation.ts';

const service = {
  port: 5173,
  address: '127.0.0.1',
  scheme: 'http',
  reason: 'only-web-server',
} as const;

/** What is said along a course of situations, as `kind: text`. */
function said(...course: Situation[]): string[] {
  let memory: NoticeMemory = noNotices;
  return course.flatMap((each) => {
    const due = dueNotices(memory, each);
    memory = due.memory;
    return due.notices.map((notice) => `${notice.id} ${notice.kind}`);
  });
}

const typed = (id: string) => report({ starting: [{ id, command: 'npm run dev', ageSeconds: 0 }] });
const by = (process: string) =>
  report({
    service,
    listeners: [{ port: 5173, addresses: [], process, command: '', speaks: 'http', isPublic: true }],
  });
const serving = by('8:1');

test('live is said once, when it is confirmed and something listens', () => {
  const course = [
    situation({ reason: 'starting', report: typed('a') }),
    situation({ reason: 'starting', live: true, report: typed('a') }),
    situation({ reason: 'serving', live: true, report: serving }),
    situation({ reason: 'serving', live: true, report: serving }),
  ];
  expect(said(...course)).toEqual(['1 live']);
});

test('a server that restarts by itself is not announced again, one that is typed again is', () => {
  const live = { reason: 'serving', live: true } as const;
  const course = [
    situation({ ...live, report: serving }),
    situation({ ...live, report: report() }),
    situation({ ...live, report: by('9:1') }),
    situation({ ...live, report: typed('b'), now: 60_000 }),
    situation({ ...live, report: by('10:1'), now: 61_000 }),
  ];
  expect(said(...course)).toEqual(['1 live', '2 live']);
});

test('a route that closed and opened again is announced again', () => {
  const course = [
    situation({ reason: 'serving', live: true, report: serving }),
    situation({ reason: 'nobody', report: report({ sessions: [] }) }),
    situation({ reason: 'serving', live: true, opening: 2, report: serving }),
  ];
  expect(said(...course)).toEqual(['1 live', '2 live']);
});

test('nobody in, nothing said', () => {
  expect(
    said(
      situation({
        reason: 'instructor',
        live: true,
        report: report({ sessions: [], service }),
      }),
    ),
  ).toEqual([]);
  expect(said(situation({ reason: 'instructor', live: true, report: null }))).toEqual([]);
});

test('a typed command that never listens ends with one line', () => {
  const course = [
    situation({ reason: 'starting', report: typed('a') }),
    situation({ reason: 'no-service' }),
    situation({ reason: 'no-service' }),
  ];
  expect(said(...course)).toEqual(['1 closed']);
});

test.each<[string, Listener[], RegExp]>([
  ['nothing', [], /^nothing listened within 60 s, so your link is closed; start/],
  [
    'a database alone',
    [{ port: 5432, addresses: [], process: '9:1', command: '', speaks: 'other', isPublic: true }],
    /^no web server within 60 s \(port 5432 listens, but does not speak HTTP\), so your link is closed; start/,
  ],
])('the line by which a start ends says what listened: %s', (_what, listeners, words) => {
  const { memory } = dueNotices(noNotices, situation({ reason: 'starting', report: typed('a') }));
  const { notices } = dueNotices(memory, situation({ report: report({ listeners }) }));
  expect(notices.map(({ text }) => text)).toEqual([expect.stringMatching(words)]);
});

test('a problem is told once, and again when it comes back', () => {
  const problem = {
    code: 'edge',
    what: 'The edge is away.',
    next: 'It is tried again.',
  } as const;
  const course = [
    situation({ reason: 'serving', problem }),
    situation({ reason: 'serving', problem }),
    situation({ reason: 'serving' }),
    situation({ reason: 'serving', problem }),
  ];
  expect(said(...course)).toEqual(['1 problem', '2 problem']);
});

test('a problem is told in words that fit: what keeps a link from closing is nobody’s in the terminal', () => {
  const away = { code: 'edge', what: 'The edge is away.', next: 'It is tried again.' } as const;
  const clash = {
    code: 'conflict',
    what: 'Somebody has it.',
    next: 'Remove it.',
    nextForStudent: 'Tell your instructor.',
  } as const;
  const texts = (...course: Situation[]) => {
    let memory: NoticeMemory = noNotices;
    return course.flatMap((each) => {
      const due = dueNotices(memory, each);
      memory = due.memory;
      return due.notices.map(({ text }) => text);
    });
  };
  const closed = { reason: 'closed-by-instructor' } as const;
  expect(
    texts(
      situation({ reason: 'serving', phase: 'opening', problem: away }),
      situation({ ...closed, phase: 'closing' }),
      situation({ ...closed, phase: 'closing', problem: away }),
      situation({ ...closed, phase: 'closing', problem: clash }),
      // After a restart it is not known whether it is closed.
      situation({ ...closed, phase: 'closed', problem: away }),
      situation({ reason: 'serving', phase: 'opening', problem: away }),
    ),
  ).toEqual([
    'not public yet: The edge is away. It is tried again.',
    'your link was closed by your instructor; a new session opens it again',
    'not public yet: The edge is away. It is tried again.',
  ]);
  expect(texts(situation({ phase: 'closed', problem: clash }))).toEqual([
    "your link can't be opened: Somebody has it. Tell your instructor.",
  ]);
  expect(texts(situation({ phase: 'open', problem: away }))).toEqual([
    'not public yet: The edge is away. It is tried again.',
  ]);
  expect(texts(situation({ phase: 'open', live: true, problem: clash }))).toEqual([
    'your link may not lead here any more: Somebody has it. Tell your instructor.',
  ]);
});

test('the memory survives being written and read, so a restart says nothing twice', () => {
  const first = dueNotices(noNotices, situation({ reason: 'serving', live: true, report: serving }));
  const again = JSON.parse(JSON.stringify(first.memory)) as NoticeMemory;
  expect(dueNotices(again, situation({ reason: 'serving', live: true, report: serving })).notices).toEqual(
    [],
  );
});

test('a wait is told once, though what is left of it is another figure each time; one that grows is told again', () => {
  const started = Date.parse('2026-01-01T00:00:00Z');
  const wait = (seconds: number, endsAt: number) =>
    situation({
      problem: {
        code: 'edge',
        what: `It goes on in ${seconds} s.`,
        next: 'Wait.',
        until: new Date(started + endsAt * 1000).toISOString(),
      },
    });
  const other = situation({ problem: { code: 'edge', what: 'No.', next: 'Look.' } });
  const course = [
    wait(30, 30),
    wait(20, 30),
    wait(11, 31),
    situation(),
    wait(5, 31),
    wait(300, 331),
    other,
    other,
  ];
  expect(said(...course)).toEqual(['1 problem', '2 problem', '3 problem', '4 problem']);
});

test.each([
  ['open', true, /^one of your links waits: A further link/],
  ['opening', false, /^one of your links waits: A further link/],
] as const)(
  'a further link that is held (own link %s) says nothing against the own one',
  (phase, live, words) => {
    const problem = heldProblem({ ...freshMemory(0), wanted: true, heldUntil: 10_000 });
    const { notices } = dueNotices(
      noNotices,
      situation({ phase, live, problem, reason: 'serving', report: serving }),
    );
    expect(notices.find(({ kind }) => kind === 'problem')?.text).toMatch(words);
    expect(notices.map(({ text }) => text).join()).not.toMatch(
      /may not lead here|Leave a terminal open|not public yet/,
    );
  },
);
