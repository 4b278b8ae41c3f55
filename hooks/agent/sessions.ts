/**
 * Finds sessions: session leaders whose terminal a person has open. Its master is outside the container (the engine's
 * exec) or belongs to a connection inside it (sshd). The terminals of multiplexers and recorders are no sessions: people
 * see them through another terminal, which is one.
 */
import type { Process, ProcessTable } from './process-table.ts';
import { matchesWildcard } from './starting-commands.ts';

export interface Terminal {
  leader: Process;
  /** Number of /dev/pts/N. */
  number: number;
}

/** A terminal whose master is held inside by a program that is no connection: tmux, screen, script. */
export interface Pane extends Terminal {
  holders: Process[];
}

export interface Terminals {
  /** Oldest first. */
  sessions: Terminal[];
  panes: Pane[];
}

/**
 * Whether the program is a person's connection: the SSH server, through which devenv's own sessions come, and programs
 * from the settings (editors' and web terminals). A pattern matches the program's name, or a part between `/` and `=` of
 * a word of its command line, since most of them run in `node` or `python3`.
 */
function isConnection(holder: Process, table: ProcessTable, patterns: readonly string[]): boolean {
  if (/^sshd(-session)?$/.test(holder.name)) return true;
  const names = [holder.name, ...table.command(holder.pid).flatMap((word) => word.split(/[/=]/))];
  return patterns.some((pattern) => names.some((name) => matchesWildcard(name, pattern)));
}

/** The processes that hold each terminal's master, by terminal number. Processes of other users hold none of the student's. */
function findMasterHolders(table: ProcessTable): Map<number, Process[]> {
  const holders = new Map<number, Process[]>();
  for (const process of table.all.values()) {
    for (const { number, target } of table.openFiles(process.pid)) {
      if (!target.endsWith('/ptmx')) continue;
      const found = table.fileInfo(process.pid, number).match(/^tty-index:\s*(\d+)/m);
      if (!found) continue;
      const terminal = Number(found[1]);
      holders.set(terminal, [...(holders.get(terminal) ?? []), process]);
    }
  }
  return holders;
}

const keyOf = ({ leader, number }: Terminal) => `${leader.id}/${number}`;

export class SessionFinder {
  #patterns: readonly string[] = [];
  /** The holders of each pane, null for a session. A terminal's holder does not change while its leader lives. */
  #paneHolders = new Map<string, Process[] | null>();

  /** Reads open files only if there is a new leader or the patterns have changed. */
  find(table: ProcessTable, patterns: readonly string[]): Terminals {
    if (patterns.join('/') !== this.#patterns.join('/')) this.#paneHolders.clear();
    this.#patterns = patterns;
    const terminals: Terminal[] = [];
    for (const leader of table.all.values()) {
      if (leader.pid !== leader.session || leader.terminal === null || leader.pid === 1) continue;
      terminals.push({ leader, number: leader.terminal });
    }
    terminals.sort((a, b) => a.leader.startTicks - b.leader.startTicks);
    if (terminals.some((terminal) => !this.#paneHolders.has(keyOf(terminal))))
      this.#classify(terminals, table);
    const sessions: Terminal[] = [];
    const panes: Pane[] = [];
    for (const terminal of terminals) {
      const holders = this.#paneHolders.get(keyOf(terminal)) ?? null;
      if (holders === null) sessions.push(terminal);
      else panes.push({ ...terminal, holders });
    }
    return { sessions, panes };
  }

  #classify(terminals: readonly Terminal[], table: ProcessTable): void {
    const masterHolders = findMasterHolders(table);
    this.#paneHolders = new Map(
      terminals.map((terminal) => {
        const holders = (masterHolders.get(terminal.number) ?? []).filter(
          (each) => each.session !== terminal.leader.pid,
        );
        const isSession =
          holders.length === 0 || holders.some((holder) => isConnection(holder, table, this.#patterns));
        return [keyOf(terminal), isSession ? null : holders];
      }),
    );
  }
}

/** The processes in the terminal's foreground. The one whose pid is the group's number may have ended before the others. */
export function foregroundJob({ leader }: Terminal, table: ProcessTable): Process[] {
  return [...table.all.values()].filter(({ group }) => group === leader.foreground);
}

/** Clients that display the panes of a server, which is another process and holds the panes' masters. */
const PANE_CLIENT = /^(tmux: client|screen|zellij|dtach|abduco)/;

/** What the person at a terminal sees: the panes that its foreground job displays, otherwise the terminal itself. */
export function visibleTerminals(
  terminal: Terminal,
  panes: readonly Pane[],
  table: ProcessTable,
): Terminal[] {
  if (panes.length === 0) return [terminal];
  const job = foregroundJob(terminal, table);
  const heldByJob = panes.filter(({ holders }) =>
    holders.some((holder) => job.some(({ pid }) => pid === holder.pid)),
  );
  if (heldByJob.length > 0) return heldByJob;
  return job.some(({ name }) => PANE_CLIENT.test(name)) ? [...panes] : [terminal];
}
