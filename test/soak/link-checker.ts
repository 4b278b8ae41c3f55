/** Asks every hostname every second, and compares with what its student does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SoakStudent } from './student.ts';

export interface Verdict {
  asked: number;
  pages: number;
  gone: number;
  /** Right either way: the student was coming or going. */
  changing: number;
  slowestMs: number;
  wrong: string[];
}

/** What is wrong with an answer, by what was true before and after it was asked; null: nothing. */
function faultOf(
  student: SoakStudent,
  truth: SoakStudent['truth'],
  status: number,
  body: string,
): string | null {
  const { name } = student.classroomStudent;
  const whose = body.match(/app of ([a-z0-9-]+)/)?.[1];
  if (whose !== undefined && whose !== name) return `${name}'s link shows ${whose}'s page`;
  if (truth === 'gone' && status !== 404) return `${name} is away, and the link answers ${status}`;
  if (truth === 'page' && whose !== name) return `${name} serves, and the link answers ${status}`;
  return null;
}

export async function watch(students: readonly SoakStudent[], until: number): Promise<Verdict> {
  const verdict: Verdict = { asked: 0, pages: 0, gone: 0, changing: 0, slowestMs: 0, wrong: [] };
  const ask = async (student: SoakStudent) => {
    const before = student.truth;
    const started = performance.now();
    const { status, body } = await student.classroomStudent.visit();
    const took = performance.now() - started;
    const truth = student.truth === before ? before : 'changing';
    verdict.asked += 1;
    if (truth === 'page') verdict.pages += 1;
    else if (truth === 'gone') verdict.gone += 1;
    else verdict.changing += 1;
    verdict.slowestMs = Math.max(verdict.slowestMs, took);
    const fault = faultOf(student, truth, status, body);
    if (fault !== null) verdict.wrong.push(`${new Date().toISOString()} ${fault}`);
  };
  while (performance.now() < until) {
    const started = performance.now();
    await Promise.all(students.map(ask));
    await sleep(Math.max(0, 1000 - (performance.now() - started)));
  }
  return verdict;
}
