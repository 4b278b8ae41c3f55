/**
 * Whether what a process serves is public. A shell whose PORT is unset or changed has told its student that what they
 * start there is not. So the answer is that of the shell at the start, and no later one: it is remembered, and handed
 * down to what the process starts, whose parent may be gone by the time it listens. Whoever was started with the right
 * PORT all the same is public.
 */
import { unlinkSync, writeFileSync } from 'node:fs';
import type { Process, ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import type { ShellRecord } from './shell-records.ts';

export interface PrivacyOptions {
  /** Outlives the agent, in the tmpfs. */
  file: string;
  /** The environment's fixed PORT. */
  port: number;
}

/** What is asked about processes that are seen for the first time. */
interface Look {
  table: ProcessTable;
  /** Living shells by pid. */
  shells: ReadonlyMap<number, ShellRecord>;
  /** Those without a valid PORT, the ones that have just ended among them. */
  told: readonly ShellRecord[];
}

export class ProcessVisibility {
  readonly #options: PrivacyOptions;
  /** By process id, of processes that live: true is public. */
  #answers = new Map<string, boolean>();
  #written = '';
  /** Shells that had ended at the last look: what they left behind may be in the process table only now. */
  #lately: readonly ShellRecord[] = [];

  constructor(options: PrivacyOptions) {
    this.#options = options;
    this.#written = readText(options.file) ?? '';
    for (const [, answer, id] of this.#written.matchAll(/^([+-])(\d+:\d+)$/gm))
      if (id !== undefined) this.#answers.set(id, answer === '+');
  }

  /**
   * Asks of every process at each look, so that each has its answer before its parent is gone. The answer is for a pid;
   * null is one that is not known, as of a server that is younger than the process table.
   */
  follow(
    table: ProcessTable,
    living: readonly ShellRecord[],
    ended: readonly ShellRecord[],
  ): (pid: number | null) => boolean {
    const shells = new Map(living.map((shell) => [shell.pid, shell]));
    const look: Look = {
      table,
      shells,
      told: [...living, ...ended, ...this.#lately].filter(({ port }) => port !== 'ok'),
    };
    this.#lately = ended;
    const answers = new Map<string, boolean>();
    for (const process of table.all.values()) {
      if (shells.has(process.pid)) continue;
      answers.set(process.id, this.#answers.get(process.id) ?? this.#firstAnswer(process, look));
    }
    this.#answers = answers;
    this.#write(look.told.length > 0);
    return (pid) => {
      if (pid === null) return look.told.length === 0;
      const shell = shells.get(pid);
      if (shell !== undefined) return shell.port === 'ok';
      const isPublic = answers.get(table.all.get(pid)?.id ?? '') ?? true;
      return isPublic || this.#hasRightPort(pid, table);
    };
  }

  #firstAnswer(process: Process, look: Look): boolean {
    const lineage = look.table.lineage(process.pid);
    for (const ancestor of lineage) {
      const shell = look.shells.get(ancestor.pid);
      if (shell !== undefined) return shell.port === 'ok';
      const known = this.#answers.get(ancestor.id);
      // What process 1 and its like are says nothing of the orphans that they have taken in.
      if (known !== undefined && ancestor.pid !== 1) return known;
    }
    const top = lineage.findLast(({ pid }) => pid !== 1) ?? process;
    return top.parent !== 1 || this.#isPublicOrphan(top, look);
  }

  /**
   * Nobody has seen who started it. While no shell is private it can't be one of theirs. Else the shells of its own
   * session answer; in a session of its own (`setsid`, a daemon) it is public where it was started with the right PORT.
   */
  #isPublicOrphan({ pid, session }: Process, { table, shells, told }: Look): boolean {
    if (told.length === 0) return true;
    const isNear = (shell: ShellRecord) =>
      shell.pid === session || table.all.get(shell.pid)?.session === session;
    if (told.some(isNear)) return false;
    if ([...shells.values()].some(isNear)) return true;
    return this.#hasRightPort(pid, table);
  }

  /**
   * Nothing inherits the right PORT from a shell that has none: who has it was given it on purpose, be it by one line
   * that puts PORT right and starts a server, or through a private daemon. Asked anew each time and never remembered: a
   * process that has not become its program yet still shows its parent's environment.
   */
  #hasRightPort(pid: number, table: ProcessTable): boolean {
    return table.variable(pid, 'PORT') === String(this.#options.port);
  }

  /** For the next agent. Where nothing is private, it would find the same by itself. */
  #write(isTold: boolean): void {
    const answers = [...this.#answers];
    const isNeeded = isTold || answers.some(([, isPublic]) => !isPublic);
    const text = isNeeded ? answers.map(([id, isPublic]) => `${isPublic ? '+' : '-'}${id}\n`).join('') : '';
    if (text === this.#written) return;
    this.#written = text;
    try {
      if (isNeeded) writeFileSync(this.#options.file, text);
      else unlinkSync(this.#options.file);
    } catch {
      // The tmpfs is full, or a folder of the student's is in the way: the next agent asks anew.
    }
  }
}
