/** Watched commands: what was typed, and what runs in the terminals. */
import type { StartingCommand } from '../../orchestrator/protocol/messages.ts';
import type { Process, ProcessTable } from './process-table.ts';
import type { ShellRecord } from './shell-records.ts';

/** Words of a command line without what does not name the command: assignments in front, wrappers, a program's folder. */
export function significantWords(words: readonly string[]): string[] {
  const skipped = new Set(['nohup', 'time', 'exec', 'command', 'env']);
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !skipped.has(word));
  if (first < 0) return [];
  const [program = '', ...rest] = words.slice(first);
  return [program.slice(program.lastIndexOf('/') + 1), ...rest];
}

/** Whether a word is what a pattern's word asks for; `*` in it matches anything. */
export function fits(given: string, wanted: string): boolean {
  if (!wanted.includes('*')) return given === wanted;
  const parts = wanted.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(given);
}

/** Whether the line begins with the words of a pattern, `./dev.sh` as typed too; `*` in a word of it matches anything. */
export function matches(words: readonly string[], pattern: string): boolean {
  const wanted = significantWords(pattern.split(/\s+/).filter((word) => word !== ''));
  // A pattern of assignments alone would match everything.
  return (
    wanted.length > 0 &&
    wanted.every((word, index) => {
      const given = words[index];
      return given !== undefined && fits(given, word);
    })
  );
}

const isWatched = (words: readonly string[], patterns: readonly string[]) =>
  patterns.some((pattern) => matches(significantWords(words), pattern));

/** How long a typed command is told of, in seconds: the orchestrator gives up on it sooner. */
const LONGEST = 3600;
/** A typed command has its process within this, in ms; after it, the processes alone tell what is starting. */
const TYPED_FOR = 3000;

export interface WhatRuns {
  table: ProcessTable;
  shells: readonly ShellRecord[];
  patterns: readonly string[];
  isPublic(pid: number): boolean;
}

export interface StartingNow {
  starting: StartingCommand[];
  /** Pids of watched commands that run, or have them among their ancestors. */
  watched(pid: number): boolean;
}

/** The shell that a process was started from, or is: its nearest ancestor that has hooks. */
export function shellOf(
  table: ProcessTable,
  pid: number,
  shells: ReadonlyMap<number, ShellRecord>,
): ShellRecord | undefined {
  for (const process of table.lineage(pid)) {
    const shell = shells.get(process.pid);
    if (shell !== undefined) return shell;
  }
  return undefined;
}

/** A shell in the foreground of its own terminal runs nothing, whatever it said last: its hooks may be gone. */
function isRunning(table: ProcessTable, shell: ShellRecord): boolean {
  const process = table.all.get(shell.pid);
  const isInFront = process !== undefined && process.foreground === process.group;
  return shell.phase === 'run' && (!isInFront || Date.now() - shell.writtenAt < TYPED_FOR);
}

export class StartFinder {
  /** Ids by process: one that was started as a typed command keeps that id, in the background too. */
  #ids = new Map<string, string>();
  /** By shell: what was typed there last and has no process yet, which the table may show only when it is over. */
  #typed = new Map<string, { id: string; until: number }>();

  /**
   * All watched commands, each once: one that is seen as typed and as a process has the typed one's id. What is private
   * is not announced.
   */
  find({ table, shells, patterns, isPublic }: WhatRuns): StartingNow {
    const running = shells.filter((shell) => isRunning(table, shell));
    const byPid = new Map(shells.map((shell) => [shell.pid, shell]));
    const found = new Map<string, StartingCommand>();
    const watchedPids = new Set<number>();
    const ids = new Map<string, string>();
    const add = (id: string, command: string, ageSeconds: number) => {
      if (ageSeconds <= LONGEST && !found.has(id))
        found.set(id, { id, command: command.slice(0, 200), ageSeconds });
    };
    for (const shell of running) {
      if (shell.port !== 'ok' || !isWatched(shell.command.split(/\s+/), patterns)) continue;
      const id = `${shell.id}/${shell.count}`;
      add(id, shell.command, Math.max(0, (Date.now() - shell.writtenAt) / 1000));
      this.#typed.set(shell.id, { id, until: shell.writtenAt + TYPED_FOR });
    }
    for (const process of table.all.values()) {
      const words = table.command(process.pid);
      if (!isWatched(words, patterns)) continue;
      watchedPids.add(process.pid);
      if (!isPublic(process.pid)) continue;
      const shell = shellOf(table, process.pid, byPid);
      const top = topmost(table, process, patterns);
      const id = this.#ids.get(top.id) ?? ids.get(top.id) ?? this.#newId(top, shell);
      ids.set(top.id, id);
      add(id, words.join(' '), table.ageSeconds(top));
    }
    this.#ids = ids;
    const claimed = new Set(ids.values());
    for (const [shell, { id, until }] of this.#typed)
      if (claimed.has(id) || until < Date.now() || !shells.some((each) => each.id === shell))
        this.#typed.delete(shell);
    return {
      starting: [...found.values()].slice(0, 16),
      watched: (pid) => table.lineage(pid).some((process) => watchedPids.has(process.pid)),
    };
  }

  /** Of a process that is seen for the first time: what was typed for it, if that can be said. */
  #newId(top: Process, shell: ShellRecord | undefined): string {
    if (shell?.phase === 'run') return `${shell.id}/${shell.count}`;
    return this.#typed.get(shell?.id ?? '')?.id ?? top.id;
  }
}

/** `npm run dev` runs `node server.js`: both are watched, and are one. */
function topmost(table: ProcessTable, process: Process, patterns: readonly string[]): Process {
  const watched = table.lineage(process.pid).filter((each) => isWatched(table.command(each.pid), patterns));
  return watched.at(-1) ?? process;
}
