/**
 * Who is in: session leaders whose terminal a person holds. The terminal's master is outside the container (an
 * engine's exec), or inside in the hands of a person's own connection. Multiplexers and recorders don't count by
 * themselves: what they show is seen through another terminal, which does.
 */
import type { Process, ProcessTable } from './processes.ts';

export interface Terminal {
  leader: Process;
  /** Number of /dev/pts/N. */
  number: number;
}

/** Programs that are somebody's connection: an SSH server, and the terminal hosts of editors in a browser or on a laptop. */
function isConnection(holder: Process, table: ProcessTable): boolean {
  if (/^sshd(-session)?$/.test(holder.name)) return true;
  return table
    .command(holder.pid)
    .some((word) => /vscode-server|ptyHost|code-server|cursor-server/.test(word));
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

export class SessionFinder {
  /** Verdicts by leader and terminal: who holds a terminal does not change while its leader lives. */
  #known = new Map<string, boolean>();

  /** The terminals that count, oldest first. Looks at open files only when a new leader has come. */
  find(table: ProcessTable): Terminal[] {
    const terminals: Terminal[] = [];
    for (const leader of table.all.values()) {
      if (leader.pid !== leader.session || leader.terminal === null || leader.pid === 1) continue;
      terminals.push({ leader, number: leader.terminal });
    }
    const key = ({ leader, number }: Terminal) => `${leader.id}/${number}`;
    if (terminals.some((terminal) => !this.#known.has(key(terminal)))) {
      const holders = findHolders(table);
      this.#known = new Map(
        terminals.map((terminal) => {
          const inside = (holders.get(terminal.number) ?? []).filter(
            (each) => each.session !== terminal.leader.pid,
          );
          return [key(terminal), inside.length === 0 || inside.some((holder) => isConnection(holder, table))];
        }),
      );
    }
    return terminals
      .filter((terminal) => this.#known.get(key(terminal)))
      .sort((a, b) => a.leader.startTicks - b.leader.startTicks);
  }
}
