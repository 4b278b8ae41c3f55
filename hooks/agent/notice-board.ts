/**
 * Shows notices to the student: immediately if a program runs in the terminal's foreground and leaves line editing to
 * the terminal, otherwise at the shell's next prompt. Never writes into an editor's screen, and never blocks.
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Notice } from '../../orchestrator/protocol/messages.ts';
import { printableLine } from '../../orchestrator/protocol/printable-text.ts';
import { writeAtomically } from './atomic-write.ts';
import type { Process, ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import { foregroundJob, type Pane, type Terminal, visibleTerminals } from './sessions.ts';
import type { ShellRecord } from './shell-records.ts';
import { nearestShell } from './starting-commands.ts';

const MAX_TEXT_LENGTH = 1000;
const MAX_QUEUED_LINES = 20;
const STTY_TIMEOUT_MS = 1000;

/** Whether the terminal edits lines itself (ICANON), according to `stty`. Called rarely, so a process is affordable. */
async function isCanonical(path: string): Promise<boolean> {
  const { execFile } = await import('node:child_process');
  return new Promise((resolve) => {
    execFile('stty', ['-F', path, '-a'], { timeout: STTY_TIMEOUT_MS }, (error, output) => {
      resolve(error === null && /(^|\s)icanon(\s|;|$)/.test(output));
    });
  });
}

/** Writes without blocking. False for a terminal that is stopped (Ctrl-S) or whose output is not read. */
function tryWrite(path: string, text: string): boolean {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    try {
      return writeSync(file, text) > 0;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** Names of shells. One without hooks that is alone in the foreground may be at its prompt: its state is unknown. */
const SHELL_NAME = /^[a-z]*sh$/;

/** The shell in which the foreground job was started, otherwise the terminal's own. */
function shellOfJob(
  leader: Process,
  job: readonly Process[],
  shells: readonly ShellRecord[],
  table: ProcessTable,
): ShellRecord | undefined {
  const byPid = new Map(shells.map((shell) => [shell.pid, shell]));
  for (const { pid } of job) {
    const shell = nearestShell(table, pid, byPid);
    if (shell !== undefined) return shell;
  }
  return byPid.get(leader.pid);
}

/** Where notices can be shown. */
export interface NoticeTargets {
  terminals: readonly Terminal[];
  panes: readonly Pane[];
  shells: readonly ShellRecord[];
  table: ProcessTable;
}

export class NoticeBoard {
  readonly #run: string;
  /** Lines for each shell's next prompt, by the shell's id. */
  readonly #queued = new Map<string, string[]>();
  #lastShownId: number;

  /** `run`: the tmpfs. */
  constructor(run: string) {
    this.#run = run;
    this.#lastShownId = Number(readText(`${run}/agent.shown`)) || 0;
    try {
      mkdirSync(`${run}/messages`, { recursive: true });
    } catch {
      // A file of the student is in the way: only their own notices are lost.
    }
  }

  /** The highest id that was shown or queued. It is kept in the tmpfs, so that a restarted agent repeats nothing. */
  get lastShownId(): number {
    return this.#lastShownId;
  }

  /** Shows the notices with a higher id in every session's terminal, or in the panes that it displays. */
  async show(notices: readonly Notice[], { terminals, panes, shells, table }: NoticeTargets): Promise<void> {
    const newNotices = notices.filter((notice) => notice.id > this.#lastShownId);
    const last = newNotices.at(-1);
    if (last === undefined) return;
    this.#lastShownId = last.id;
    try {
      writeFileSync(`${this.#run}/agent.shown`, String(this.#lastShownId));
    } catch {
      // The tmpfs is full: after a restart the agent may show a line twice.
    }
    const lines = newNotices.map(({ text }) => printableLine(text.slice(0, MAX_TEXT_LENGTH)));
    const visible = terminals.flatMap((terminal) => visibleTerminals(terminal, panes, table));
    const byNumber = new Map(visible.map((terminal) => [terminal.number, terminal]));
    await Promise.all([...byNumber.values()].map((each) => this.#showIn(each, lines, shells, table)));
  }

  async #showIn(
    terminal: Terminal,
    lines: string[],
    shells: readonly ShellRecord[],
    table: ProcessTable,
  ): Promise<void> {
    const path = `/dev/pts/${terminal.number}`;
    const { leader } = terminal;
    const job = foregroundJob(terminal, table);
    const shell = shellOfJob(leader, job, shells, table);
    const isQuiet = shell?.quiet ?? table.variable(leader.pid, 'DEVENV_QUIET') === '1';
    if (isQuiet) return;
    const isRunning =
      shell?.pid === leader.foreground
        ? shell.phase !== 'prompt'
        : job.some(({ name }) => !SHELL_NAME.test(name));
    if (isRunning && (await isCanonical(path)) && tryWrite(path, `\r\n${lines.join('\r\n')}\r\n`)) return;
    if (shell === undefined) return;
    const queued = this.#queued.get(shell.id) ?? [];
    this.#queued.set(shell.id, [...queued, ...lines].slice(-MAX_QUEUED_LINES));
    this.deliverQueued(shells);
  }

  /** Hands queued lines to shells that have printed their previous ones. The file is renamed, so that no hook reads half a line. */
  deliverQueued(shells: readonly ShellRecord[]): void {
    for (const [id, lines] of this.#queued) {
      const shell = shells.find((each) => each.id === id);
      if (shell === undefined) {
        this.#queued.delete(id);
        continue;
      }
      const path = `${this.#run}/messages/${shell.pid}`;
      try {
        if (existsSync(path) && statSync(path).size > 0) continue;
        writeAtomically(path, `${lines.join('\n')}\n`);
        this.#queued.delete(id);
      } catch {
        // The tmpfs is full, or a folder of the student is in the way: the next poll tries again.
      }
    }
  }
}
