/** The design's table: when a route is wanted. */
import fc from 'fast-check';
import type { Report } from '../../../../orchestrator/protocol/messages.ts';
import {
  decide,
  type Facts,
  freshMemory,
  type Memory,
} from '../../../../orchestrator/routes/desired-state.ts';
import { heard, nobody, on, rules, service, session, typed } from '../../../support/facts.ts';

/** Follows a course of [second, facts]; what is so after each step, as `wanted reason`. */
function follow(...course: [number, Facts | 'open' | 'close'][]): string[] {
  let memory: Memory = freshMemory(0);
  let facts: Facts = nobody(null);
  return course.map(([second, step]) => {
    if (step === 'open' || step === 'close') memory = { ...memory, override: step };
    else facts = step;
    // The memory goes to disk and back, as it does when the daemon restarts.
    memory = decide(JSON.parse(JSON.stringify(memory)) as Memory, facts, rules, second * 1000).memory;
    return `${memory.wanted ? 'open' : 'shut'} ${memory.reason}`;
  });
}

test('nobody in: shut; in, and nothing served: shut', () => {
  expect(follow([0, nobody(null)], [1, heard()])).toEqual(['shut nobody', 'shut no-service']);
});

test('a watched command that is typed opens, for 60 s unless something listens', () => {
  expect(follow([0, heard(typed('a'))], [59, heard(typed('a', 59))], [60, heard(typed('a', 60))])).toEqual([
    'open starting',
    'open starting',
    'shut no-service',
  ]);
  expect(follow([0, heard(typed('a'))], [70, heard(typed('a', 70))], [71, heard(typed('b'))]).at(-1)).toBe(
    'open starting',
  );
  expect(
    follow([0, heard(typed('a'))], [5, heard({ ...typed('a', 5), service })], [70, heard({ service })]).at(
      -1,
    ),
  ).toBe('open serving');
});

test('whatever listens while a session lives opens, and a server that ends, crashes or restarts keeps it open', () => {
  expect(follow([0, heard({ service })], [1, heard()], [4000, heard()], [4001, heard({ service })])).toEqual([
    'open serving',
    'open serving',
    'open serving',
    'open serving',
  ]);
});

test('something that listens while nobody is in opens nothing', () => {
  expect(follow([0, heard({ sessions: [], service })])).toEqual(['shut nobody']);
});

test('a second terminal that is closed changes nothing', () => {
  const both = heard({ sessions: [session('1'), session('2')], service });
  expect(
    follow([0, both], [1, heard({ service, lastSessionEnd: { kind: 'exited', ageSeconds: 0 } })]),
  ).toEqual(['open serving', 'open serving']);
});

test('the last session that is left closes at once', () => {
  expect(follow([0, heard({ service })], [1, nobody('exited')])).toEqual(['open serving', 'shut nobody']);
});

test.each(['lost', null] as const)('the last session that ends with %p closes after the grace', (how) => {
  expect(follow([0, heard({ service })], [1, nobody(how)], [30, nobody(how)], [31, nobody(how)])).toEqual([
    'open serving',
    'open grace',
    'open grace',
    'shut nobody',
  ]);
});

test('who comes back within the grace finds the link as it was', () => {
  const back = heard({ sessions: [session('9')] });
  expect(follow([0, heard({ service })], [1, nobody('lost')], [20, back], [500, back]).at(-1)).toBe(
    'open serving',
  );
});

test('who comes back later starts anew', () => {
  const back = heard({ sessions: [session('9')] });
  expect(follow([0, heard({ service })], [1, nobody('lost')], [40, nobody('lost')], [41, back]).at(-1)).toBe(
    'shut no-service',
  );
});

test('a container that stops closes at once, and starts anew', () => {
  const stopped: Facts = { running: false, report: null, silentMs: 0 };
  expect(follow([0, heard({ service })], [1, stopped], [2, heard()])).toEqual([
    'open serving',
    'shut stopped',
    'shut no-service',
  ]);
});

test('an agent that is silent past its lease closes, and opens again when it is heard', () => {
  const silent: Facts = { ...heard({ service }), silentMs: 30_000 };
  expect(follow([0, heard({ service })], [30, silent], [31, heard({ service })])).toEqual([
    'open serving',
    'shut silent',
    'open serving',
  ]);
});

test('a daemon that restarts changes nothing before the agent is heard', () => {
  const unheard: Facts = { running: true, report: null, silentMs: 500 };
  expect(follow([0, heard({ service })], [1, unheard], [2, heard({ service })])).toEqual(
    Array(3).fill('open serving'),
  );
  expect(follow([0, heard({ service })], [1, { ...unheard, silentMs: 30_000 }]).at(-1)).toBe('shut silent');
});

test('the instructor opens until the next session ends, or the environment stops', () => {
  expect(follow([0, 'open'], [1, heard()], [2, nobody('exited')])).toEqual([
    'open instructor',
    'open instructor',
    'shut nobody',
  ]);
  const stopped: Facts = { running: false, report: null, silentMs: 0 };
  expect(follow([0, 'open'], [1, stopped], [2, nobody(null)]).at(-1)).toBe('shut nobody');
});

test('the instructor closes until the next session begins', () => {
  const two = heard({ sessions: [session('1'), session('2')], service });
  expect(follow([0, heard({ service })], [1, 'close'], [100, heard({ service })], [101, two])).toEqual([
    'open serving',
    'shut closed-by-instructor',
    'shut closed-by-instructor',
    'open serving',
  ]);
});

test('what the instructor closed stays closed over a pause of the container, and not over a new start', () => {
  const stopped: Facts = { running: false, silentMs: 0, report: null };
  const course: [number, Facts | 'close'][] = [
    [0, heard({ service })],
    [1, 'close'],
    [2, stopped],
    [3, heard({ service })],
  ];
  expect(follow(...course)).toEqual([
    'open serving',
    'shut closed-by-instructor',
    'shut stopped',
    'shut closed-by-instructor',
  ]);
  const anew = heard({ service, sessions: [session('9')] });
  expect(follow(...course.slice(0, 3), [3, anew]).at(-1)).toBe('open serving');
});

test('each opening is counted', () => {
  let memory = freshMemory(0);
  for (const facts of [heard({ service }), heard(), nobody('exited'), heard({ service })]) {
    memory = decide(memory, facts, rules, 0).memory;
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

test(`whatever happens: open only while heard, and never long after the last session (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyFacts, fc.integer({ min: 0, max: 100 })), { maxLength: 30 }),
      (course) => {
        let memory = freshMemory(0);
        let now = 0;
        let lastSession = Number.NEGATIVE_INFINITY;
        let hadSession = false;
        for (const [facts, seconds] of course) {
          now += seconds * 1000;
          const before = JSON.stringify(memory);
          const decided = decide(memory, facts, rules, now);
          expect(JSON.stringify(memory)).toBe(before);
          memory = decided.memory;
          // The grace runs from the look at which a session was found to be gone.
          const hasSession = facts.report === null || facts.report.sessions.length > 0;
          if (hasSession || hadSession) lastSession = now;
          hadSession = hasSession;
          if (memory.wanted) {
            expect(facts.running).toBe(true);
            expect(facts.silentMs).toBeLessThan(rules.lease * 1000);
            expect(now - lastSession).toBeLessThan(rules.grace * 1000);
          }
          // Time alone changes nothing before the moment that was announced.
          const quiet = (decided.nextLookAt ?? now + 1e9) - 1;
          if (facts.report !== null)
            expect(decide(memory, facts, rules, quiet).memory.wanted).toBe(memory.wanted);
        }
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('further servers have links of their own, as many as may be, and keep them while they restart', () => {
  const ports = (...courses: Facts[]) => {
    let memory = freshMemory(0);
    return courses.map((facts) => {
      memory = decide(memory, facts, rules, 0).memory;
      return memory.ports;
    });
  };
  const serving = (...others: number[]) => heard({ service, listeners: on(5173, ...others) });
  expect(ports(heard({ listeners: on(4000) }))).toEqual([[]]);
  expect(ports(serving(4000, 9229, 7000))).toEqual([[4000]]);
  expect(ports(serving(4000), serving(), serving(4000, 4001), serving(4001, 4002))).toEqual([
    [4000],
    [4000],
    [4000, 4001],
    [4001, 4002],
  ]);
  expect(ports(serving(4000), heard({ service: { ...service, port: 4000 }, listeners: on(4000) }))).toEqual([
    [4000],
    [],
  ]);
  expect(ports(serving(4000), nobody('exited'))).toEqual([[4000], []]);
});

test('a further link is kept when it is wanted no more, after everybody has left, too; the one wanted longest ago makes room', () => {
  const serving = (...others: number[]) => heard({ service, listeners: on(5173, ...others) });
  let memory = freshMemory(0);
  const linked = (facts: Facts) => {
    memory = decide(memory, facts, rules, 0).memory;
    return memory.linked;
  };
  expect(linked(serving(4000, 4001))).toEqual([4000, 4001]);
  expect(linked(nobody('exited'))).toEqual([4000, 4001]);
  expect(linked({ running: false, silentMs: 0, report: null })).toEqual([4000, 4001]);
  expect(linked(heard())).toEqual([4000, 4001]);
  expect(linked(serving(4001))).toEqual([4001, 4000]);
  expect(linked(nobody('exited'))).toEqual([4001, 4000]);
  expect(linked(serving(4002))).toEqual([4002, 4001]);
});
