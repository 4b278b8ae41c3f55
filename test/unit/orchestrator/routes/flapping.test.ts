/** A link that opens and closes again and again is held shut for a while, so that it does not use up the calls of all. */
import {
  decide,
  type Facts,
  freshMemory,
  heldProblem,
  type Memory,
  OPENINGS,
} from '../../../../orchestrator/routes/desired-state.ts';
import { heard, nobody, on, rules, service } from '../../../support/facts.ts';

/** What is so after each step; `heldUntil` is told where something is held. */
function flap(steps: [number, Facts | 'open'][]): { memory: Memory; nextLookAt: number | null }[] {
  let memory: Memory = freshMemory(0);
  let facts: Facts = nobody(null);
  return steps.map(([second, step]) => {
    if (step === 'open') memory = { ...memory, override: step };
    else facts = step;
    const decided = decide(memory, facts, rules, second * 1000);
    memory = JSON.parse(JSON.stringify(decided.memory)) as Memory;
    return { ...decided, memory };
  });
}
const flips = (count: number, from: number, every: number): [number, Facts][] =>
  Array.from({ length: count }, (_, index) => [
    from + index * every,
    index % 2 === 0 ? heard({ service }) : nobody('exited'),
  ]);

test('a link that flaps stays closed, says so, and opens by itself when it may', () => {
  const course = flap([...flips(200, 0, 0.05), [9.97, heard({ service })]]);
  const held = course.at(-1);
  expect(held?.memory).toMatchObject({ wanted: false, reason: 'too-often', openings: 20, heldUntil: 10_000 });
  expect(held?.nextLookAt).toBe(10_000);
  expect(heldProblem(held?.memory ?? freshMemory(0))).toEqual({
    code: 'rate-limited',
    what: 'The link was opened and closed too often; it opens by itself within 10 s.',
    next: expect.any(String),
    until: '1970-01-01T00:00:10.000Z',
  });
  const opened = decide(held?.memory ?? freshMemory(0), heard({ service }), rules, 10_000).memory;
  expect(opened).toMatchObject({ wanted: true, reason: 'serving', heldUntil: null });
  expect(heldProblem(opened)).toBeNull();
});

test('a flapping link opens as often as may be, and never more', () => {
  const openings = (seconds: number) => flap(flips(seconds * 20, 0, 0.05)).at(-1)?.memory.openings ?? 0;
  expect(openings(1)).toBe(10);
  expect(openings(600)).toBeGreaterThanOrEqual(60);
  expect(openings(600)).toBeLessThanOrEqual(OPENINGS.burst + 60);
});

test('who comes and goes every few seconds for a lesson is never held', () => {
  const lesson = flap(flips(2 * 240, 0, 7.5));
  expect(lesson.every(({ memory }) => memory.heldUntil === null)).toBe(true);
  expect(flap(flips(20, 0, 1)).every(({ memory }) => memory.heldUntil === null)).toBe(true);
});

test('the word of the instructor opens a link that is held', () => {
  const course = flap([...flips(101, 0, 0.05), [6, 'open']]);
  expect(course.at(-2)?.memory.wanted).toBe(false);
  expect(course.at(-1)?.memory.wanted).toBe(true);
});

test('further links that flap are held too, and the link itself is not', () => {
  const steps = Array.from({ length: 200 }, (_, index): [number, Facts] => [
    index / 20,
    heard({ service, listeners: on(5173, 4000 + index) }),
  ]);
  const course = flap(steps);
  let before: number[] = [];
  let added = 0;
  for (const { memory } of course) {
    if (memory.ports.some((port) => !before.includes(port))) added += 1;
    before = memory.ports;
  }
  expect(added).toBeLessThanOrEqual(OPENINGS.burst + 1);
  const { memory } = course.at(-1) ?? { memory: freshMemory(0) };
  expect(memory.wanted).toBe(true);
  expect(heldProblem(memory)?.what).toMatch(/^A further link was opened and closed too often/);
  const later = decide(memory, heard({ service, listeners: on(5173, 4199) }), rules, 20_000).memory;
  expect(later).toMatchObject({ ports: expect.arrayContaining([4199]), heldUntil: null });
});

test('further links that flap are held under the instructor’s word too, and the own link stays open', () => {
  const steps = Array.from({ length: 200 }, (_, index): [number, Facts] => [
    index / 20,
    heard({ service, listeners: on(5173, 4000 + index) }),
  ]);
  const course = flap([[0, 'open'], ...steps]);
  const opened = new Set(course.flatMap(({ memory }) => memory.ports));
  expect(opened.size).toBeLessThanOrEqual(OPENINGS.burst + 2);
  expect(course.at(-1)?.memory).toMatchObject({ wanted: true, heldUntil: expect.any(Number) });
});
