/**
 * Who is in: session leaders whose terminal a person holds. The terminal's master is outside the container (an
 * engine's exec), or inside in the hands of a person's own connection. Multiplexers and recorders don't count by
 * themselves: what they show is seen through another terminal, which does.
 */
import type { Process, ProcessTable } from './process-table.ts';
import { fits } from './starting-commands.ts';

export interface Terminal {
  leader: Process;
  /** Number of /dev/pts/N. */
  number: number;
}

/** A terminal whose master is held inside, by what is nobody's connection: tmux, screen, script. */
export interface Pane extends Terminal {
  holders: Process[];
}

export interface Terminals {
  /** Those that count, oldest first. */
  sessions: Terminal[];
  panes: Pane[];
}

/**
 * Programs that are somebody's connection: the SSH server, by which our own ways lead in, and those of the settings
 * (editors' and web terminals). A pattern fits a program's name, or a part between `/` and `=` of a word of its command
 * line: most are run by `node` or `python3`.
 */
function isConnection(holder: Process, table: ProcessTable, patterns: readonly string[]): boolean {
  if (/^sshd(-session)?$/.test(holder.name)) return true;
  const names = [holder.name, ...table.command(holder.pid).flatMap((word) => word.split(/[/=]/))];
  return patterns.some((pattern) => names.some((name) => fits(name, pattern)));
}

/** Masters that are open inside, by terminal number. Processes that can't be looked at (other uid) hold none of ours. */
function findHolders(table: ProcessTable): Map<number, Process[]> {
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
  /** Holders by leader and terminal, null for a session: who holds a terminal does not change while its leader lives. */
  #known = new Map<string, Process[] | null>();

  /** Looks at open files only when a new leader has come, or other programs count. */
  find(table: ProcessTable, patterns: readonly string[]): Terminals {
    if (patterns.join('/') !== this.#patterns.join('/')) this.#known.clear();
    this.#patterns = patterns;
    const terminals: Terminal[] = [];
    for (const leader of table.all.values()) {
      if (leader.pid !== leader.session || leader.terminal === null || leader.pid === 1) continue;
      terminals.push({ leader, number: leader.terminal });
    }
    terminals.sort((a, b) => a.leader.startTicks - b.leader.startTicks);
    if (terminals.some((terminal) => !this.#known.has(keyOf(terminal)))) this.#look(terminals, table);
    const sessions: Terminal[] = [];
    const panes: Pane[] = [];
    for (const terminal of terminals) {
      const holders = this.#known.get(keyOf(terminal)) ?? null;
      if (holders === null) sessions.push(terminal);
      else panes.push({ ...terminal, holders });
    }
    return { sessions, panes };
  }

  #look(terminals: readonly Terminal[], table: ProcessTable): void {
    const holders = findHolders(table);
    this.#known = new Map(
      terminals.map((terminal) => {
        const inside = (holders.get(terminal.number) ?? []).filter(
          (each) => each.session !== terminal.leader.pid,
        );
        const isSession =
          inside.length === 0 || inside.some((holder) => isConnection(holder, table, this.#patterns));
        return [keyOf(terminal), isSession ? null : inside];
      }),
    );
  }
}

/** The processes in the terminal's foreground. The one whose pid is the group's number may have ended before the others. */
export function jobOf({ leader }: Terminal, table: ProcessTable): Process[] {
  return [...table.all.values()].filter(({ group }) => group === leader.foreground);
}

/** What shows panes of a server that is a process of its own: the panes are seen, though not held, by these. */
const VIEWERS = /^(tmux: client|screen|zellij|dtach|abduco)/;

/**
 * What a person sees in a terminal: itself, or the panes that its foreground job shows. A detached pane is seen by
 * nobody.
 */
export function seenIn(terminal: Terminal, panes: readonly Pane[], table: ProcessTable): Terminal[] {
  if (panes.length === 0) return [terminal];
  const job = jobOf(terminal, table);
  const held = panes.filter(({ holders }) =>
    holders.some((holder) => job.some(({ pid }) => pid === holder.pid)),
  );
  if (held.length > 0) return held;
  return job.some(({ name }) => VIEWERS.test(name)) ? [...panes] : [terminal];
}
