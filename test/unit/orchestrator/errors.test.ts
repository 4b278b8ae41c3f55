/** Errors keep everything they were given on their way to the person who reads them. */
import { continuationOf } from '../../../orchestrator/cli/output.ts';
import { DevenvError, type Problem, problemOf } from '../../../orchestrator/errors.ts';

const limited: Problem = {
  code: 'edge',
  what: "Cloudflare's rate limit is reached.",
  next: 'No action is needed.',
  nextForStudent: 'Tell your instructor.',
  until: '2026-01-01T12:00:43.000Z',
};

test('an error passes on the whole problem', () => {
  expect(new DevenvError(limited).problem).toEqual(limited);
  expect(problemOf(new DevenvError(limited))).toEqual(limited);
});

test('any other error is reported as a defect', () => {
  expect(problemOf(new Error('x'))).toMatchObject({ code: 'internal', what: expect.stringMatching(/: x$/) });
});

test('a problem that ends at a known time says when, in local time and in seconds', () => {
  const now = Date.parse('2026-01-01T12:00:00.500Z');
  const local = new Date('2026-01-01T12:00:43Z').toTimeString().slice(0, 8);
  expect(continuationOf(limited, now)).toBe(`devenv continues automatically at ${local} (in 43 s).`);
  expect(continuationOf({ code: 'edge', what: '', next: '' }, now)).toBeNull();
  expect(continuationOf(limited, Date.parse('2026-01-01T12:01:00Z'))).toBe(
    'devenv continues automatically now.',
  );
});
