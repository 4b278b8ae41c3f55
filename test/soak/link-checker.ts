/** Visits every student's link once a second and compares the response with what the student does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExpectedLink, SoakStudent } from './student.ts';

/** Pause between the starts of two rounds of visits, as far as the visits leave one. */
const ROUND_MS = 1000;

export interface CheckSummary {
  visits: number;
  /** Visits by what the link had to show; `changing` ones are right in either case. */
  expected: Record<ExpectedLink, number>;
  slowestMs: number;
  /** One line per wrong response. */
  wrong: string[];
}

/** What is wrong with a response; null if nothing is. */
function problemOf(name: string, expected: ExpectedLink, status: number, body: string): string | null {
  const owner = body.match(/app of ([a-z0-9-]+)/)?.[1];
  if (owner !== undefined && owner !== name) return `${name}'s link shows ${owner}'s page`;
  if (expected === 'gone' && status !== 404) return `${name} has left, but the link answers ${status}`;
  if (expected === 'page' && owner !== name) return `${name} serves a page, but the link answers ${status}`;
  return null;
}

/** Checks the links until `until` (of `performance.now`). */
export async function checkLinks(students: readonly SoakStudent[], until: number): Promise<CheckSummary> {
  const summary: CheckSummary = {
    visits: 0,
    expected: { page: 0, gone: 0, changing: 0 },
    slowestMs: 0,
    wrong: [],
  };
  const check = async (student: SoakStudent) => {
    const before = student.expected;
    const started = performance.now();
    const { status, body } = await student.classroomStudent.visit();
    const durationMs = performance.now() - started;
    const expected = student.expected === before ? before : 'changing';
    summary.visits += 1;
    summary.expected[expected] += 1;
    summary.slowestMs = Math.max(summary.slowestMs, durationMs);
    const problem = problemOf(student.classroomStudent.name, expected, status, body);
    if (problem !== null) summary.wrong.push(`${new Date().toISOString()} ${problem}`);
  };
  while (performance.now() < until) {
    const started = performance.now();
    await Promise.all(students.map(check));
    await sleep(Math.max(0, ROUND_MS - (performance.now() - started)));
  }
  return summary;
}
