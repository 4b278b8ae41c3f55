/** Runs the leave matrix: in every row the link must close when the row says, or stay open. */
import { watchFor } from '../support/wait.ts';
import { GRACE_S, withClassroom } from './classroom.ts';
import type { ClassroomStudent } from './classroom-student.ts';
import { runEngineRestart } from './engine-restart.ts';
import { type LeaveRow, type LinkCloses, leaveRows } from './leave-rows.ts';
import { AFTER_GRACE_S, AT_ONCE_S, endsInTime, type MatrixResult, runRows } from './rows.ts';

const MAX_STUDENTS = 4;
const ENGINE_RESTART = 'restart of the engine';

/** Prints the pid of the session's leader: the child of sshd that is not sshd itself. */
const FIND_LEADER =
  "ps -eo pid=,ppid=,comm= | awk '$3 ~ /^sshd/ {s[$1]=1} {p[$1]=$2} END {for (i in p) if (p[i] in s && !(i in s)) print i}'";

/** What is wrong with the time at which the link closed; null means that it stayed open. */
function problemsOf(expected: LinkCloses, goneSeconds: number | null): string[] {
  if (goneSeconds === null) return expected === 'never' ? [] : ['the link stayed open'];
  const closed = `the link closed after ${goneSeconds.toFixed(1)} s`;
  switch (expected) {
    case 'never':
      return [closed];
    case 'at once':
      return goneSeconds < AT_ONCE_S ? [] : [`${closed}, not at once`];
    case 'after the grace period':
      if (goneSeconds < AFTER_GRACE_S.from) return [`${closed}, before the end of the grace period`];
      return goneSeconds < AFTER_GRACE_S.to ? [] : [`${closed}, long after the grace period`];
  }
}

/** Seconds until the link closes; null if it stays open for longer than the grace period. */
async function secondsUntilClosed(
  student: ClassroomStudent,
  since: number,
  expected: LinkCloses,
): Promise<number | null> {
  if (expected !== 'never') return student.secondsUntilGone(since);
  const isGone = async () => (await student.visitStatus()) === 404;
  const wasGone = await watchFor(isGone, GRACE_S * 1000 + 2000);
  return wasGone ? (performance.now() - since) / 1000 : null;
}

async function runRow(row: LeaveRow, student: ClassroomStudent): Promise<MatrixResult> {
  const terminal = await student.openTerminal();
  if (row.enter) {
    terminal.type(`${row.enter}\r`);
    // Not anchored to the end: tmux draws its status line below the prompt, or right behind it in the text.
    await terminal.see(/[$>] +(?:$|\[\d+\] )/m);
  }
  const started = performance.now();
  const wallClock = Date.now();
  // The server has a session of its own and survives its terminal, so only the student's session closes the link.
  terminal.type('cd ~/app; setsid node server.js >/dev/null 2>&1 &\r');
  const liveSeconds = await student.secondsUntilPage(
    (body) => Number(body.match(/started (\d+)/)?.[1]) >= wallClock,
    started,
  );
  const shell = await student.runScript(FIND_LEADER);
  const leftAt = await row.leave({ student, terminal, shell });
  const since = performance.now() - (typeof leftAt === 'number' ? Date.now() - leftAt : 0);
  const goneSeconds = await secondsUntilClosed(student, since, row.linkCloses);
  const problems = problemsOf(row.linkCloses, goneSeconds);
  if (goneSeconds !== null && !(await endsInTime(terminal))) problems.push('`devenv shell` has not ended');
  return { row: row.name, liveSeconds, goneSeconds, problems };
}

/** Runs the rows whose name contains `only`; all rows by default. */
export async function runLeaveMatrix(only = ''): Promise<MatrixResult[]> {
  const rows = leaveRows.filter(({ name }) => name.includes(only));
  const results =
    rows.length === 0
      ? []
      : await withClassroom({ students: Math.min(MAX_STUDENTS, rows.length) }, (students) =>
          runRows(rows, students, runRow),
        );
  return ENGINE_RESTART.includes(only) ? [...results, await runEngineRestart(ENGINE_RESTART)] : results;
}

/** The names of all rows. */
export const leaveRowNames = [...leaveRows.map(({ name }) => name), ENGINE_RESTART];
