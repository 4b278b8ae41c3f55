/** Which notices are due for a student. */
import type { Listener } from '../../../../orchestrator/protocol/messages.ts';
import { initialMemory, rateLimitProblem } from '../../../../orchestrator/routes/desired-state.ts';
import type { Situation } from '../../../../orchestrator/students/notice-texts.ts';
import {
  dueNotices,
  initialNoticeMemory,
  type NoticeMemory,
} from '../../../../orchestrator/students/notices.ts';
import { sessionReport as report, situation } from '../../../support/situation.ts';

const service = {
  port: 5173,
  address: '127.0.0.1',
  scheme: 'http',
  reason: 'only-web-server',
} as const;

/** The notices for a sequence of situations, as `ID KIND`. */
function noticesFor(...course: Situation[]): string[] {
  let memory: NoticeMemory = initialNoticeMemory;
  return course.flatMap((each) => {
    const due = dueNotices(memory, each);
    memory = due.memory;
    return due.notices.map((notice) => `${notice.id} ${notice.kind}`);
  });
}

const typed = (id: string) => report({ starting: [{ id, command: 'npm run dev', ageSeconds: 0 }] });
const servedBy = (process: string) =>
  report({
    service,
    listeners: [
      { port: 5173, addresses: [], process, command: '', speaks: 'http', purpose: 'page', isPublic: true },
    ],
  });
const serving = servedBy('8:1');

test('a link is announced once, when it is live and something listens', () => {
  const course = [
    situation({ reason: 'starting', report: typed('a') }),
    situation({ reason: 'starting', live: true, report: typed('a') }),
    situation({ reason: 'serving', live: true, report: serving }),
    situation({ reason: 'serving', live: true, report: serving }),
  ];
  expect(noticesFor(...course)).toEqual(['1 live']);
});

test('a server that restarts is announced again only if its command was typed again', () => {
  const live = { reason: 'serving', live: true } as const;
  const course = [
    situation({ ...live, report: serving }),
    situation({ ...live, report: report() }),
    situation({ ...live, report: servedBy('9:1') }),
    situation({ ...live, report: typed('b'), now: 60_000 }),
    situation({ ...live, report: servedBy('10:1'), now: 61_000 }),
  ];
  expect(noticesFor(...course)).toEqual(['1 live', '2 live']);
});

test('a link that was closed and opened again is announced again', () => {
  const course = [
    situation({ reason: 'serving', live: true, report: serving }),
    situation({ reason: 'no-session', report: report({ sessions: [] }) }),
    situation({ reason: 'serving', live: true, opening: 2, report: serving }),
  ];
  expect(noticesFor(...course)).toEqual(['1 live', '2 live']);
});

test('without a session there are no notices', () => {
  expect(
    noticesFor(
      situation({
        reason: 'instructor',
        live: true,
        report: report({ sessions: [], service }),
      }),
    ),
  ).toEqual([]);
  expect(noticesFor(situation({ reason: 'instructor', live: true, report: null }))).toEqual([]);
});

test('a watched command that never listens causes one line', () => {
  const course = [
    situation({ reason: 'starting', report: typed('a') }),
    situation({ reason: 'no-service' }),
    situation({ reason: 'no-service' }),
  ];
  expect(noticesFor(...course)).toEqual(['1 closed']);
});

test.each<[string, Listener[], RegExp]>([
  ['nothing', [], /^Nothing listened within 60 s, so your link is closed\. Start/],
  [
    'a database alone',
    [
      {
        port: 5432,
        addresses: [],
        process: '9:1',
        command: '',
        speaks: 'other',
        purpose: 'page',
        isPublic: true,
      },
    ],
    /^No web server within 60 s \(port 5432 listens, but does not speak HTTP\), so your link is closed\. Start/,
  ],
])('the line after a failed start says what listened: %s', (_what, listeners, words) => {
  const { memory } = dueNotices(initialNoticeMemory, situation({ reason: 'starting', report: typed('a') }));
  const { notices } = dueNotices(memory, situation({ report: report({ listeners }) }));
  expect(notices.map(({ text }) => text)).toEqual([expect.stringMatching(words)]);
});

test('a problem is mentioned once, and again when it returns', () => {
  const problem = {
    code: 'edge',
    what: 'The edge does not answer.',
    next: 'It is retried.',
  } as const;
  const course = [
    situation({ reason: 'serving', problem }),
    situation({ reason: 'serving', problem }),
    situation({ reason: 'serving' }),
    situation({ reason: 'serving', problem }),
  ];
  expect(noticesFor(...course)).toEqual(['1 problem', '2 problem']);
});

test('a problem is explained by its effect; one that keeps a link from closing is not mentioned', () => {
  const unreachable = { code: 'edge', what: 'The edge does not answer.', next: 'It is retried.' } as const;
  const conflict = {
    code: 'conflict',
    what: 'It is in use.',
    next: 'Remove it.',
    nextForStudent: 'Tell your instructor.',
  } as const;
  const texts = (...course: Situation[]) => {
    let memory: NoticeMemory = initialNoticeMemory;
    return course.flatMap((each) => {
      const due = dueNotices(memory, each);
      memory = due.memory;
      return due.notices.map(({ text }) => text);
    });
  };
  const closed = { reason: 'closed-by-instructor' } as const;
  expect(
    texts(
      situation({ reason: 'serving', phase: 'opening', problem: unreachable }),
      situation({ ...closed, phase: 'closing' }),
      situation({ ...closed, phase: 'closing', problem: unreachable }),
      situation({ ...closed, phase: 'closing', problem: conflict }),
      // After a restart of the daemon, whether the link is closed is unknown.
      situation({ ...closed, phase: 'closed', problem: unreachable }),
      situation({ reason: 'serving', phase: 'opening', problem: unreachable }),
    ),
  ).toEqual([
    'Not public yet: The edge does not answer. It is retried.',
    'Your link was closed by your instructor. It opens again when you start a new session.',
    'Not public yet: The edge does not answer. It is retried.',
  ]);
  expect(texts(situation({ phase: 'closed', problem: conflict }))).toEqual([
    "Your link can't be opened: It is in use. Tell your instructor.",
  ]);
  expect(texts(situation({ phase: 'open', problem: unreachable }))).toEqual([
    'Not public yet: The edge does not answer. It is retried.',
  ]);
  expect(texts(situation({ phase: 'open', live: true, problem: conflict }))).toEqual([
    'Your link may not reach your server any more: It is in use. Tell your instructor.',
  ]);
});

test('the memory survives being stored, so a restart of the daemon repeats nothing', () => {
  const first = dueNotices(
    initialNoticeMemory,
    situation({ reason: 'serving', live: true, report: serving }),
  );
  const again = JSON.parse(JSON.stringify(first.memory)) as NoticeMemory;
  expect(dueNotices(again, situation({ reason: 'serving', live: true, report: serving })).notices).toEqual(
    [],
  );
});

test('a wait is mentioned once, although the remaining time changes, and again if it gets longer', () => {
  const started = Date.parse('2026-01-01T00:00:00Z');
  const wait = (seconds: number, endsAt: number) =>
    situation({
      problem: {
        code: 'edge',
        what: `It continues in ${seconds} s.`,
        next: 'Wait.',
        until: new Date(started + endsAt * 1000).toISOString(),
      },
    });
  const other = situation({ problem: { code: 'edge', what: 'No.', next: 'Check.' } });
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
  expect(noticesFor(...course)).toEqual(['1 problem', '2 problem', '3 problem', '4 problem']);
});

test.each([
  ['open', true, /^One of your links is waiting: An additional link/],
  ['opening', false, /^One of your links is waiting: An additional link/],
] as const)(
  'the rate limit of an additional link is not reported for the own link (%s)',
  (phase, live, text) => {
    const problem = rateLimitProblem({ ...initialMemory(0), desired: true, rateLimitedUntil: 10_000 });
    const { notices } = dueNotices(
      initialNoticeMemory,
      situation({ phase, live, problem, reason: 'serving', report: serving }),
    );
    expect(notices.find(({ kind }) => kind === 'problem')?.text).toMatch(text);
    expect(notices.map(({ text }) => text).join()).not.toMatch(
      /may not reach|Leave a terminal open|[Nn]ot public yet/,
    );
  },
);

test('a disconnected network is mentioned once, and its return once', () => {
  const networkProblem = { code: 'network', what: 'No firewall.', next: '' } as const;
  const notices = noticesFor(
    situation(),
    situation({ networkProblem }),
    situation({ networkProblem }),
    situation(),
    situation(),
  );
  expect(notices).toEqual(['1 problem', '2 info']);
});

test('a full home that is a folder is mentioned with what happens to programs', () => {
  const home = {
    usedBytes: 5 * 2 ** 30,
    limitBytes: 5 * 2 ** 30,
    fullness: 1,
    isFullOfFiles: false,
    isFolder: true,
    largest: [{ path: 'a', bytes: 2 ** 30 }],
  };
  const [notice] = dueNotices(initialNoticeMemory, situation({ home })).notices;
  expect(notice?.text).toBe(
    "Your home (5 GB) is full, so programs that write to it are paused. Largest: a (1 GB). Delete what you don't need: paused programs then continue in the background.",
  );
});

test('a home that fills is mentioned when it is nearly full and when it is full, once each until it was emptied', () => {
  const home = (fullness: number, isSearched = true) =>
    situation({
      home: {
        usedBytes: fullness * 5 * 2 ** 30,
        limitBytes: 5 * 2 ** 30,
        fullness,
        isFullOfFiles: false,
        largest: isSearched ? [{ path: 'app/node_modules', bytes: 3 * 2 ** 30 }] : null,
      },
    });
  let memory: NoticeMemory = initialNoticeMemory;
  const texts = [
    home(0.5),
    home(0.91, false),
    home(0.92),
    home(0.93),
    home(1),
    home(0.95),
    home(1),
    home(0.8),
    home(0.9),
  ].map((each) => {
    const due = dueNotices(memory, each);
    memory = due.memory;
    return due.notices.map(({ text }) => text).join();
  });
  const largest = "Largest: app/node_modules (3 GB). Delete what you don't need.";
  expect(texts).toEqual([
    '',
    '',
    `Your home (5 GB) is 92 % full. ${largest}`,
    '',
    `Your home (5 GB) is full, so nothing can be saved. ${largest}`,
    '',
    '',
    '',
    `Your home (5 GB) is 90 % full. ${largest}`,
  ]);
});
