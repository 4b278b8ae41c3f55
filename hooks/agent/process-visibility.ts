/**
 * Decides whether the servers of a process are public. A shell whose PORT is unset or changed has told its student that
 * servers started there are private. So the shell's PORT at the start of a process decides, not a later one: the
 * decision is stored and inherited by child processes, whose parent may be gone before they listen. A process that was
 * started with the right PORT is public in any case.
 */
import { unlinkSync, writeFileSync } from 'node:fs';
import type { Process, ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import type { ShellRecord } from './shell-records.ts';

export interface ProcessVisibilityOptions {
  /** Where decisions are stored, in the tmpfs: they outlive the agent. */
  file: string;
  /** The environment's fixed PORT. */
  portVariable: number;
}

/** The state in which processes that are seen for the first time are decided. */
interface Snapshot {
  table: ProcessTable;
  /** Living shells by pid. */
  shells: ReadonlyMap<number, ShellRecord>;
  /** Shells without a valid PORT, including those that have just ended. */
  privateShells: readonly ShellRecord[];
}

export class ProcessVisibility {
  readonly #options: ProcessVisibilityOptions;
  /** Decisions on living processes, by process id: true is public. */
  #decisions = new Map<string, boolean>();
  #writtenText = '';
  /** Shells that had ended at the last update. Their child processes may appear in the process table only now. */
  #recentlyEnded: readonly ShellRecord[] = [];

  constructor(options: ProcessVisibilityOptions) {
    this.#options = options;
    this.#writtenText = readText(options.file) ?? '';
    for (const [, sign, id] of this.#writtenText.matchAll(/^([+-])(\d+:\d+)$/gm))
      if (id !== undefined) this.#decisions.set(id, sign === '+');
  }

  /**
   * Decides on every process, so that each has its decision before its parent is gone. Returns a predicate by pid; null
   * stands for an unknown process, such as a server that is newer than the process table.
   */
  update(
    table: ProcessTable,
    living: readonly ShellRecord[],
    ended: readonly ShellRecord[],
  ): (pid: number | null) => boolean {
    const shells = new Map(living.map((shell) => [shell.pid, shell]));
    const snapshot: Snapshot = {
      table,
      shells,
      privateShells: [...living, ...ended, ...this.#recentlyEnded].filter(
        ({ portVariable }) => portVariable !== 'ok',
      ),
    };
    this.#recentlyEnded = ended;
    const decisions = new Map<string, boolean>();
    for (const process of table.all.values()) {
      if (shells.has(process.pid)) continue;
      decisions.set(process.id, this.#decisions.get(process.id) ?? this.#decide(process, snapshot));
    }
    this.#decisions = decisions;
    const hasPrivateShells = snapshot.privateShells.length > 0;
    this.#store(hasPrivateShells);
    return (pid) => {
      if (pid === null) return !hasPrivateShells;
      const shell = shells.get(pid);
      if (shell !== undefined) return shell.portVariable === 'ok';
      const isPublic = decisions.get(table.all.get(pid)?.id ?? '') ?? true;
      return isPublic || this.#hasRightPort(pid, table);
    };
  }

  #decide(process: Process, snapshot: Snapshot): boolean {
    const lineage = snapshot.table.lineage(process.pid);
    for (const ancestor of lineage) {
      const shell = snapshot.shells.get(ancestor.pid);
      if (shell !== undefined) return shell.portVariable === 'ok';
      const known = this.#decisions.get(ancestor.id);
      // Process 1 has adopted orphans, so its own decision says nothing about them.
      if (known !== undefined && ancestor.pid !== 1) return known;
    }
    const top = lineage.findLast(({ pid }) => pid !== 1) ?? process;
    return top.parent !== 1 || this.#isPublicOrphan(top, snapshot);
  }

  /**
   * Decides on a process whose starter is unknown. Without private shells it is public. Otherwise the shells of its
   * session decide; in a session of its own (`setsid`, a daemon) it is public if it was started with the right PORT.
   */
  #isPublicOrphan({ pid, session }: Process, { table, shells, privateShells }: Snapshot): boolean {
    if (privateShells.length === 0) return true;
    const isInSession = (shell: ShellRecord) =>
      shell.pid === session || table.all.get(shell.pid)?.session === session;
    if (privateShells.some(isInSession)) return false;
    if ([...shells.values()].some(isInSession)) return true;
    return this.#hasRightPort(pid, table);
  }

  /**
   * A process can't inherit the right PORT from a private shell, so the student passed it on purpose: in one line that
   * corrects PORT and starts a server, or through a private daemon. Read again each time and never stored: until a new
   * process has called exec, /proc shows its parent's environment.
   */
  #hasRightPort(pid: number, table: ProcessTable): boolean {
    return table.variable(pid, 'PORT') === String(this.#options.portVariable);
  }

  /** Stores the decisions for the next agent. Without anything private, it would come to the same ones. */
  #store(hasPrivateShells: boolean): void {
    const decisions = [...this.#decisions];
    const isNeeded = hasPrivateShells || decisions.some(([, isPublic]) => !isPublic);
    const lines = isNeeded ? decisions.map(([id, isPublic]) => `${isPublic ? '+' : '-'}${id}\n`) : [];
    const text = lines.join('');
    if (text === this.#writtenText) return;
    this.#writtenText = text;
    try {
      if (isNeeded) writeFileSync(this.#options.file, text);
      else unlinkSync(this.#options.file);
    } catch {
      // The tmpfs is full, or a folder of the student is in the way: the next agent decides again.
    }
  }
}
