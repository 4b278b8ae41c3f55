/** When a link is desired: one test per reason, and properties that always hold. */
import fc from 'fast-check';
import type { Report } from '../../../../orchestrator/protocol/messages.ts';
import {
  evaluate,
  type Facts,
  initialMemory,
  type LinkMemory,
} from '../../../../orchestrator/routes/desired-state.ts';
import { noSession, on, rules, service, session, typed, withSession } from '../../../support/facts.ts';

/** Evaluates a sequence of [second, facts or override]. Returns `open` or `closed` and the reason after each step. */
function follow(...course: [number, Facts | 'open' | 'close'][]): string[] {
  let memory: LinkMemory = initialMemory(0);
  let facts: Facts = noSession(null);
  return course.map(([second, step]) => {
    if (step === 'open' || step === 'close') memory = { ...memory, override: step };
    else facts = step;
    // Serialized as for a restart of the daemon.
    memory = evaluate(JSON.parse(JSON.stringify(memory)) as LinkMemory, facts, rules, second * 1000).memory;
    return `${memory.desired ? 'open' : 'closed'} ${memory.reason}`;
  });
}

test('closed without a session, and with one that serves nothing', () => {
  expect(follow([0, noSession(null)], [1, withSession()])).toEqual([
    'closed no-session',
    'closed no-service',
  ]);
});

test('a watched command opens the link, for 60 s unless a server listens', () => {
  expect(
    follow(
      [0, withSession(typed('a'))],
      [59, withSession(typed('a', 59))],
      [60, withSession(typed('a', 60))],
    ),
  ).toEqual(['open starting', 'open starting', 'closed no-service']);
  expect(
    follow([0, withSession(typed('a'))], [70, withSession(typed('a', 70))], [71, withSession(typed('b'))]).at(
      -1,
    ),
  ).toBe('open starting');
  expect(
    follow(
      [0, withSession(typed('a'))],
      [5, withSession({ ...typed('a', 5), service })],
      [70, withSession({ service })],
    ).at(-1),
  ).toBe('open serving');
});

test('a server that listens during a session opens the link; its end, crash or restart keeps it open', () => {
  expect(
    follow(
      [0, withSession({ service })],
      [1, withSession()],
      [4000, withSession()],
      [4001, withSession({ service })],
    ),
  ).toEqual(['open serving', 'open serving', 'open serving', 'open serving']);
});

test('a server that listens without a session opens nothing', () => {
  expect(follow([0, withSession({ sessions: [], service })])).toEqual(['closed no-session']);
});

test('closing a second terminal changes nothing', () => {
  const both = withSession({ sessions: [session('1'), session('2')], service });
  expect(
    follow([0, both], [1, withSession({ service, lastSessionEnd: { kind: 'exited', ageSeconds: 0 } })]),
  ).toEqual(['open serving', 'open serving']);
});

test('`exit` from the last session closes the link at once', () => {
  expect(follow([0, withSession({ service })], [1, noSession('exited')])).toEqual([
    'open serving',
    'closed no-session',
  ]);
});

test.each(['lost', null] as const)(
  'a last session that ends with %p closes the link after the grace period',
  (how) => {
    expect(
      follow([0, withSession({ service })], [1, noSession(how)], [30, noSession(how)], [31, noSession(how)]),
    ).toEqual(['open serving', 'open grace', 'open grace', 'closed no-session']);
  },
);

test('a student who returns within the grace period finds the link unchanged', () => {
  const back = withSession({ sessions: [session('9')] });
  expect(follow([0, withSession({ service })], [1, noSession('lost')], [20, back], [500, back]).at(-1)).toBe(
    'open serving',
  );
});

test('a student who returns later starts with a closed link', () => {
  const back = withSession({ sessions: [session('9')] });
  expect(
    follow([0, withSession({ service })], [1, noSession('lost')], [40, noSession('lost')], [41, back]).at(-1),
  ).toBe('closed no-service');
});

test('a container that stops closes the link at once', () => {
  const stopped: Facts = { running: false, report: null, silentMs: 0 };
  expect(follow([0, withSession({ service })], [1, stopped], [2, withSession()])).toEqual([
    'open serving',
    'closed stopped',
    'closed no-service',
  ]);
});

test('an agent without heartbeats closes the link, and opens it again when it reports', () => {
  const silent: Facts = { ...withSession({ service }), silentMs: 30_000 };
  expect(follow([0, withSession({ service })], [30, silent], [31, withSession({ service })])).toEqual([
    'open serving',
    'closed agent-silent',
    'open serving',
  ]);
});

test('a restart of the daemon changes nothing before the first report', () => {
  const noReport: Facts = { running: true, report: null, silentMs: 500 };
  expect(follow([0, withSession({ service })], [1, noReport], [2, withSession({ service })])).toEqual(
    Array(3).fill('open serving'),
  );
  expect(follow([0, withSession({ service })], [1, { ...noReport, silentMs: 30_000 }]).at(-1)).toBe(
    'closed agent-silent',
  );
});

test('the instructor opens the link until the next session ends or the environment stops', () => {
  expect(follow([0, 'open'], [1, withSession()], [2, noSession('exited')])).toEqual([
    'open instructor',
    'open instructor',
    'closed no-session',
  ]);
  const stopped: Facts = { running: false, report: null, silentMs: 0 };
  expect(follow([0, 'open'], [1, stopped], [2, noSession(null)]).at(-1)).toBe('closed no-session');
});

test('the instructor closes the link until the next session begins', () => {
  const two = withSession({ sessions: [session('1'), session('2')], service });
  expect(
    follow([0, withSession({ service })], [1, 'close'], [100, withSession({ service })], [101, two]),
  ).toEqual(['open serving', 'closed closed-by-instructor', 'closed closed-by-instructor', 'open serving']);
});

test('a link that the instructor closed stays closed over a pause of the container, not over a restart', () => {
  const stopped: Facts = { running: false, silentMs: 0, report: null };
  const course: [number, Facts | 'close'][] = [
    [0, withSession({ service })],
    [1, 'close'],
    [2, stopped],
    [3, withSession({ service })],
  ];
  expect(follow(...course)).toEqual([
    'open serving',
    'closed closed-by-instructor',
    'closed stopped',
    'closed closed-by-instructor',
  ]);
  const restarted = withSession({ service, sessions: [session('9')] });
  expect(follow(...course.slice(0, 3), [3, restarted]).at(-1)).toBe('open serving');
});

test('each opening is counted', () => {
  let memory = initialMemory(0);
  for (const facts of [
    withSession({ service }),
    withSession(),
    noSession('exited'),
    withSession({ service }),
  ]) {
    memory = evaluate(memory, facts, rules, 0).memory;
  }
  expect(memory.openings).toBe(2);
});

const seed = Date.now() % 2 ** 31;

const anyFacts = fc.record({
  running: fc.boolean(),
  silentMs: fc.constantFrom(0, 5000, 30_000),
  report: fc.option(
    fc.record({
      sessions: fc.uniqueArray(fc.constantFrom('1', '2', '3')).map((ids) => ids.map(session)),
      service: fc.constantFrom(null, service),
      listeners: fc.constant<Report['listeners']>([]),
      starting: fc.constantFrom<Report['starting']>(
        [],
        typed('a').starting ?? [],
        typed('b', 10).starting ?? [],
      ),
      lastSessionEnd: fc.constantFrom(
        null,
        { kind: 'exited', ageSeconds: 0 } as const,
        { kind: 'lost', ageSeconds: 2 } as const,
      ),
    }),
  ),
});

test(`for any facts: open only with heartbeats, and not longer than the grace period after the last session (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyFacts, fc.integer({ min: 0, max: 100 })), { maxLength: 30 }),
      (course) => {
        let memory = initialMemory(0);
        let now = 0;
        let lastSession = Number.NEGATIVE_INFINITY;
        let hadSession = false;
        for (const [facts, seconds] of course) {
          now += seconds * 1000;
          const before = JSON.stringify(memory);
          const decided = evaluate(memory, facts, rules, now);
          expect(JSON.stringify(memory)).toBe(before);
          memory = decided.memory;
          // The grace period begins at the evaluation that finds the session gone.
          const hasSession = facts.report === null || facts.report.sessions.length > 0;
          if (hasSession || hadSession) lastSession = now;
          hadSession = hasSession;
          if (memory.desired) {
            expect(facts.running).toBe(true);
            expect(facts.silentMs).toBeLessThan(rules.lease * 1000);
            expect(now - lastSession).toBeLessThan(rules.grace * 1000);
          }
          // Time alone changes nothing before `evaluateAgainAt`.
          const quiet = (decided.evaluateAgainAt ?? now + 1e9) - 1;
          if (facts.report !== null)
            expect(evaluate(memory, facts, rules, quiet).memory.desired).toBe(memory.desired);
        }
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('further servers get additional links up to the limit, and keep them while they restart', () => {
  const ports = (...steps: Facts[]) => {
    let memory = initialMemory(0);
    return steps.map((facts) => {
      memory = evaluate(memory, facts, rules, 0).memory;
      return memory.additionalPorts;
    });
  };
  const serving = (...others: number[]) => withSession({ service, listeners: on(5173, ...others) });
  expect(ports(withSession({ listeners: on(4000) }))).toEqual([[]]);
  expect(ports(serving(4000, 9229, 7000))).toEqual([[4000]]);
  expect(ports(serving(4000), serving(), serving(4000, 4001), serving(4001, 4002))).toEqual([
    [4000],
    [4000],
    [4000, 4001],
    [4001, 4002],
  ]);
  expect(
    ports(serving(4000), withSession({ service: { ...service, port: 4000 }, listeners: on(4000) })),
  ).toEqual([[4000], []]);
  expect(ports(serving(4000), noSession('exited'))).toEqual([[4000], []]);
});

test('an additional link keeps its hostname while it is closed; the one desired longest ago makes room', () => {
  const serving = (...others: number[]) => withSession({ service, listeners: on(5173, ...others) });
  let memory = initialMemory(0);
  const reserved = (facts: Facts) => {
    memory = evaluate(memory, facts, rules, 0).memory;
    return memory.reservedPorts;
  };
  expect(reserved(serving(4000, 4001))).toEqual([4000, 4001]);
  expect(reserved(noSession('exited'))).toEqual([4000, 4001]);
  expect(reserved({ running: false, silentMs: 0, report: null })).toEqual([4000, 4001]);
  expect(reserved(withSession())).toEqual([4000, 4001]);
  expect(reserved(serving(4001))).toEqual([4001, 4000]);
  expect(reserved(noSession('exited'))).toEqual([4001, 4000]);
  expect(reserved(serving(4002))).toEqual([4002, 4001]);
});
