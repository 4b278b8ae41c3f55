/** A link that flaps stays closed for a while, so that it does not use up the budget of all students. */
import {
  evaluate,
  type Facts,
  initialMemory,
  type LinkMemory,
  OPENING_LIMIT,
  rateLimitProblem,
} from '../../../../orchestrator/routes/desired-state.ts';
import { noSession, on, rules, service, withSession } from '../../../support/facts.ts';

/** The result after each step, a pair of second and facts. */
function flap(steps: [number, Facts | 'open'][]): { memory: LinkMemory; evaluateAgainAt: number | null }[] {
  let memory: LinkMemory = initialMemory(0);
  let facts: Facts = noSession(null);
  return steps.map(([second, step]) => {
    if (step === 'open') memory = { ...memory, override: step };
    else facts = step;
    const decided = evaluate(memory, facts, rules, second * 1000);
    memory = JSON.parse(JSON.stringify(decided.memory)) as LinkMemory;
    return { ...decided, memory };
  });
}
const flips = (count: number, from: number, every: number): [number, Facts][] =>
  Array.from({ length: count }, (_, index) => [
    from + index * every,
    index % 2 === 0 ? withSession({ service }) : noSession('exited'),
  ]);

test('a link that flaps stays closed, reports that, and opens automatically', () => {
  const course = flap([...flips(200, 0, 0.05), [9.97, withSession({ service })]]);
  const limited = course.at(-1);
  expect(limited?.memory).toMatchObject({
    desired: false,
    reason: 'rate-limited',
    openings: 20,
    rateLimitedUntil: 10_000,
  });
  expect(limited?.evaluateAgainAt).toBe(10_000);
  expect(rateLimitProblem(limited?.memory ?? initialMemory(0))).toEqual({
    code: 'rate-limited',
    what: 'The link was opened and closed too often. It opens automatically within 10 s.',
    next: expect.any(String),
    until: '1970-01-01T00:00:10.000Z',
  });
  const opened = evaluate(
    limited?.memory ?? initialMemory(0),
    withSession({ service }),
    rules,
    10_000,
  ).memory;
  expect(opened).toMatchObject({ desired: true, reason: 'serving', rateLimitedUntil: null });
  expect(rateLimitProblem(opened)).toBeNull();
});

test('a flapping link opens as often as the limit allows, and no more', () => {
  const openings = (seconds: number) => flap(flips(seconds * 20, 0, 0.05)).at(-1)?.memory.openings ?? 0;
  expect(openings(1)).toBe(10);
  expect(openings(600)).toBeGreaterThanOrEqual(60);
  expect(openings(600)).toBeLessThanOrEqual(OPENING_LIMIT.burst + 60);
});

test('a student who enters and leaves every few seconds for a whole lesson is never limited', () => {
  const lesson = flap(flips(2 * 240, 0, 7.5));
  expect(lesson.every(({ memory }) => memory.rateLimitedUntil === null)).toBe(true);
  expect(flap(flips(20, 0, 1)).every(({ memory }) => memory.rateLimitedUntil === null)).toBe(true);
});

test('the instructor opens a link that is limited', () => {
  const course = flap([...flips(101, 0, 0.05), [6, 'open']]);
  expect(course.at(-2)?.memory.desired).toBe(false);
  expect(course.at(-1)?.memory.desired).toBe(true);
});

test('additional links that flap are limited, the own link is not', () => {
  const steps = Array.from({ length: 200 }, (_, index): [number, Facts] => [
    index / 20,
    withSession({ service, listeners: on(5173, 4000 + index) }),
  ]);
  const course = flap(steps);
  let before: number[] = [];
  let added = 0;
  for (const { memory } of course) {
    if (memory.additionalPorts.some((port) => !before.includes(port))) added += 1;
    before = memory.additionalPorts;
  }
  expect(added).toBeLessThanOrEqual(OPENING_LIMIT.burst + 1);
  const { memory } = course.at(-1) ?? { memory: initialMemory(0) };
  expect(memory.desired).toBe(true);
  expect(rateLimitProblem(memory)?.what).toMatch(/^An additional link was opened and closed too often/);
  const later = evaluate(memory, withSession({ service, listeners: on(5173, 4199) }), rules, 20_000).memory;
  expect(later).toMatchObject({ additionalPorts: expect.arrayContaining([4199]), rateLimitedUntil: null });
});

test('additional links that flap are limited under an override too, and the own link stays open', () => {
  const steps = Array.from({ length: 200 }, (_, index): [number, Facts] => [
    index / 20,
    withSession({ service, listeners: on(5173, 4000 + index) }),
  ]);
  const course = flap([[0, 'open'], ...steps]);
  const opened = new Set(course.flatMap(({ memory }) => memory.additionalPorts));
  expect(opened.size).toBeLessThanOrEqual(OPENING_LIMIT.burst + 2);
  expect(course.at(-1)?.memory).toMatchObject({ desired: true, rateLimitedUntil: expect.any(Number) });
});
