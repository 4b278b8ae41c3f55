/** Runs the start matrix: in every row the link opens, the terminal says so once, and the link closes on leaving. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';
import { STARTING_S, withClassroom } from './classroom.ts';
import type { ClassroomStudent } from './classroom-student.ts';
import { AFTER_GRACE_S, AT_ONCE_S, type MatrixResult, runRows } from './rows.ts';
import { type StartRow, startRows } from './start-rows.ts';
import { unpackZsh } from './zsh.ts';

const MAX_STUDENTS = 4;
/** Pause between two presses of the Enter key, each of which makes the shell show its messages. */
const ENTER_EVERY_MS = 300;
/** The prompt. Below it tmux draws its status line, right behind it in the text if only the line's clock has changed. */
const PROMPT = /\$ +(?:$|\[\d+\] )/m;

/** Ends the server and then the shells, innermost first; returns when the last `exit` was typed. */
async function leave(terminal: Terminal, row: StartRow): Promise<number> {
  if (row.command) {
    terminal.type('\x03');
    return performance.now();
  }
  if (!row.isBackground) {
    terminal.type('\x03');
    await terminal.see(PROMPT);
  }
  if (row.typedNext) {
    terminal.type('exit\r');
    await terminal.see(/exit\]?[^$]*\$ $/);
  }
  terminal.type('exit\r');
  return performance.now();
}

/** Runs a row whose server never listens: the link closes after the starting time, and one line says why. */
async function runFailingRow(
  row: StartRow,
  student: ClassroomStudent,
  terminal: Terminal,
): Promise<MatrixResult> {
  terminal.type(`${row.typed}\r`);
  const typedAt = performance.now();
  // The link opens as soon as the command is typed, and shows the waiting page.
  await waitFor('the waiting page', async () => (await student.visitStatus()) === 503);
  await terminal.see(/\$ $/);
  const goneSeconds = await student.secondsUntilGone(typedAt);
  const problems: string[] = [];
  if (goneSeconds < STARTING_S - 2)
    problems.push(`the link closed too early, after ${goneSeconds.toFixed(1)} s`);
  const showsFailure = () => {
    terminal.type('\r');
    return terminal.text.includes('Nothing listened within');
  };
  await waitFor('the line about the failure', showsFailure, { everyMs: ENTER_EVERY_MS });
  await terminal.run('true');
  if (terminal.text.match(/Nothing listened within/g)?.length !== 1)
    problems.push('the failure is not shown exactly once');
  if (terminal.text.includes('live at')) problems.push('the terminal says that the link is live');
  terminal.type('exit\r');
  await terminal.ended;
  return { row: row.name, liveSeconds: null, goneSeconds, problems };
}

async function runRow(row: StartRow, student: ClassroomStudent): Promise<MatrixResult> {
  if (row.setup) await student.runScript(row.setup);
  const wallClock = Date.now();
  let typedAt = performance.now();
  const command = row.command ? ['--', row.command] : [];
  const terminal = row.typed === null ? student.terminal({}, ...command) : await student.openTerminal();
  if (row.typed !== null) {
    await terminal.run(`cd ~/${row.folder ?? 'app'}`);
    if (row.neverListens) return runFailingRow(row, student, terminal);
    typedAt = performance.now();
    terminal.type(`${row.typed}\r`);
  }
  if (row.typedNext) {
    await terminal.see(PROMPT);
    typedAt = performance.now();
    terminal.type(`${row.typedNext}\r`);
  }
  const isExpected = (body: string) =>
    row.page ? row.page.test(body) : Number(body.match(/, started (\d+)/)?.[1]) >= wallClock;
  const liveSeconds = await student.secondsUntilPage(isExpected, typedAt);
  const problems: string[] = [];
  const showsLink = () => {
    // A shell at its prompt shows messages at its next prompt.
    if (row.isBackground) terminal.type('\r');
    return terminal.text.includes('live at');
  };
  await waitFor('the line with the link', showsLink, { everyMs: ENTER_EVERY_MS }).catch(() =>
    problems.push('the terminal does not show the link'),
  );
  const goneSeconds = await student.secondsUntilGone(await leave(terminal, row));
  const timesShown = terminal.text.match(/live at/g)?.length ?? 0;
  if (timesShown > 1) problems.push(`the terminal shows the link ${timesShown} times`);
  const limit = row.shell || row.command ? AFTER_GRACE_S.to : AT_ONCE_S;
  if (goneSeconds > limit) problems.push(`the link closed too late, after ${goneSeconds.toFixed(1)} s`);
  await terminal.ended;
  return { row: row.name, liveSeconds, goneSeconds, problems };
}

/** Runs the rows whose name contains `only`; all rows by default. */
export async function runStartMatrix(only = ''): Promise<MatrixResult[]> {
  const rows = startRows.filter(({ name }) => name.includes(only));
  if (rows.length === 0) return [];
  const zsh = rows.some(({ shell }) => shell === 'zsh') ? unpackZsh() : null;
  try {
    return await withClassroom({ students: Math.min(MAX_STUDENTS, rows.length) }, (students) => {
      if (zsh !== null) for (const student of students) student.copyIn(zsh);
      return runRows(rows, students, runRow);
    });
  } finally {
    if (zsh !== null) rmSync(dirname(zsh), { recursive: true });
  }
}
