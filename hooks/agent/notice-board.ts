/**
 * Puts lines before the student: at once where a program runs in the terminal's foreground and lets the terminal
 * do the line editing, else queued for the shell's next prompt. Never into an editor's screen, never waiting.
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
import { writeAtomically } from './atomic-write.ts';
import type { Process, ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import { jobOf, type Pane, seenIn, type Terminal } from './sessions.ts';
import type { ShellRecord } from './shell-records.ts';
import { shellOf } from './starting-commands.ts';

/** Longest text that is shown, in characters. */
const MOST_TEXT = 1000;

/** A terminal's own settings, asked of `stty`: whether it hands over whole lines (ICANON). Rare, so a process is fine. */
async function isCooked(path: string): Promise<boolean> {
  const { execFile } = await import('node:child_process');
  return new Promise((resolve) => {
    execFile('stty', ['-F', path, '-a'], { timeout: 1000 }, (error, output) => {
      resolve(error === null && /(^|\s)icanon(\s|;|$)/.test(output));
    });
  });
}

/** One write that never waits: a terminal that is stopped (Ctrl-S) or not read from refuses, and the line is queued. */
function writeNow(path: string, text: string): boolean {
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

/** Names of shells. One without hooks that is alone in front may be at its prompt: what it does there is not known. */
const SHELLS = /^[a-z]*sh$/;

/** The shell from which somebody started what is in the terminal's foreground, else the terminal's own. */
function nearestShell(
  leader: Process,
  job: readonly Process[],
  shells: readonly ShellRecord[],
  table: ProcessTable,
): ShellRecord | undefined {
  const byPid = new Map(shells.map((shell) => [shell.pid, shell]));
  for (const { pid } of job) {
    const shell = shellOf(table, pid, byPid);
    if (shell !== undefined) return shell;
  }
  return byPid.get(leader.pid);
}

/** Who is there to be told. */
export interface NoticeTargets {
  terminals: readonly Terminal[];
  panes: readonly Pane[];
  shells: readonly ShellRecord[];
  table: ProcessTable;
}

export class NoticeBoard {
  readonly #run: string;
  /** Lines by shell's id that wait for its queue to be taken. */
  readonly #waiting = new Map<string, string[]>();
  #shown: number;

  constructor(run: string) {
    this.#run = run;
    this.#shown = Number(readText(`${run}/agent.shown`)) || 0;
    try {
      mkdirSync(`${run}/messages`, { recursive: true });
    } catch {
      // A student's file is in the way: their own messages suffer.
    }
  }

  /** The highest id that was shown or queued; kept in the tmpfs, so that an agent that restarts repeats nothing. */
  get shown(): number {
    return this.#shown;
  }

  /** Shows those that are new in every terminal that counts, or in the panes that it shows. */
  async show(notices: readonly Notice[], { terminals, panes, shells, table }: NoticeTargets): Promise<void> {
    const fresh = notices.filter((notice) => notice.id > this.#shown);
    const last = fresh.at(-1);
    if (last === undefined) return;
    this.#shown = last.id;
    try {
      writeFileSync(`${this.#run}/agent.shown`, String(this.#shown));
    } catch {
      // The tmpfs is full: after a restart a line may come twice.
    }
    const lines = fresh.map((notice) => notice.text.slice(0, MOST_TEXT).replace(/[^\P{C}]/gu, ' '));
    const places = new Map(
      terminals.flatMap((terminal) => seenIn(terminal, panes, table)).map((place) => [place.number, place]),
    );
    await Promise.all([...places.values()].map((place) => this.#tell(place, lines, shells, table)));
  }

  async #tell(
    place: Terminal,
    lines: string[],
    shells: readonly ShellRecord[],
    table: ProcessTable,
  ): Promise<void> {
    const path = `/dev/pts/${place.number}`;
    const { leader } = place;
    const job = jobOf(place, table);
    const shell = nearestShell(leader, job, shells, table);
    if (shell === undefined ? table.variable(leader.pid, 'DEVENV_QUIET') === '1' : shell.quiet) return;
    const isRunning =
      shell?.pid === leader.foreground
        ? shell.phase !== 'prompt'
        : job.some(({ name }) => !SHELLS.test(name));
    if (isRunning && (await isCooked(path)) && writeNow(path, `\r\n${lines.join('\r\n')}\r\n`)) return;
    if (shell === undefined) return;
    this.#waiting.set(shell.id, [...(this.#waiting.get(shell.id) ?? []), ...lines].slice(-20));
    this.deliver(shells);
  }

  /** Hands over what waits, where the shell has taken the last. Renamed in whole: the hook never reads half a line. */
  deliver(shells: readonly ShellRecord[]): void {
    for (const [id, lines] of this.#waiting) {
      const shell = shells.find((each) => each.id === id);
      if (shell === undefined) {
        this.#waiting.delete(id);
        continue;
      }
      const path = `${this.#run}/messages/${shell.pid}`;
      try {
        if (existsSync(path) && statSync(path).size > 0) continue;
        writeAtomically(path, `${lines.join('\n')}\n`);
        this.#waiting.delete(id);
      } catch {
        // A full tmpfs, or a folder of the student's making: tried again at the next look.
      }
    }
  }
}
