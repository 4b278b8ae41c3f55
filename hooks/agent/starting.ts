/** Watched commands: what was typed, and what runs in the terminals. */
import type { Starting } from '../../orchestrator/agents/protocol.ts';
import type { Process, ProcessTable } from './processes.ts';
import type { Shell } from './shells.ts';

/** Words of a command line without what does not name the command: assignments in front, wrappers, a program's folder. */
export function significantWords(words: readonly string[]): string[] {
  const skipped = new Set(['nohup', 'time', 'exec', 'command', 'env']);
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !skipped.has(word));
  if (first < 0) return [];
  const [program = '', ...rest] = words.slice(first);
  return [program.slice(program.lastIndexOf('/') + 1), ...rest];
}

/** Whether the line begins with the words of a pattern; `*` in a word of it matches anything. */
export function matches(words: readonly string[], pattern: string): boolean {
  const wanted = pattern.split(/\s+/).filter((word) => word !== '');
  return wanted.every((word, index) => {
    const given = words[index];
    if (given === undefined) return false;
    if (!word.includes('*')) return given === word;
    return new RegExp(
      `^${word
        .split('*')
        .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*')}$`,
    ).test(given);
  });
}

const isWatched = (words: readonly string[], patterns: readonly string[]) =>
  patterns.some((pattern) => matches(significantWords(words), pattern));

/** How long a typed command is told of, in seconds: the orchestrator gives up on it sooner. */
const LONGEST = 3600;

export interface StartingNow {
  starting: Starting[];
  /** Pids of watched commands that run, or have them among their ancestors. */
  watched(pid: number): boolean;
}

/** The shell whose line a process belongs to: its nearest ancestor that has hooks and runs something. */
function shellOf(table: ProcessTable, pid: number, shells: ReadonlyMap<number, Shell>): Shell | undefined {
  for (const process of table.lineage(pid)) {
    const shell = shells.get(process.pid);
    if (shell !== undefined) return shell.phase === 'run' ? shell : undefined;
  }
  return undefined;
}

/**
 * All watched commands, each once: one that is seen as typed and as a process has the typed one's id. Shells whose
 * PORT is not valid announce nothing.
 */
export function findStarting(
  table: ProcessTable,
  shells: readonly Shell[],
  patterns: readonly string[],
): StartingNow {
  const byPid = new Map(shells.map((shell) => [shell.pid, shell]));
  const found = new Map<string, Starting>();
  const watchedPids = new Set<number>();
  const add = (id: string, command: string, ageSeconds: number) => {
    if (ageSeconds <= LONGEST && !found.has(id))
      found.set(id, { id, command: command.slice(0, 200), ageSeconds });
  };
  for (const shell of shells) {
    if (shell.phase !== 'run' || shell.port !== 'ok' || !isWatched(shell.command.split(/\s+/), patterns))
      continue;
    add(`${shell.id}/${shell.count}`, shell.command, Math.max(0, (Date.now() - shell.writtenAt) / 1000));
  }
  for (const process of table.all.values()) {
    const words = table.command(process.pid);
    if (!isWatched(words, patterns)) continue;
    watchedPids.add(process.pid);
    const shell = shellOf(table, process.pid, byPid);
    if (shell !== undefined && shell.port !== 'ok') continue;
    const top = topmost(table, process, patterns);
    const id = shell === undefined ? top.id : `${shell.id}/${shell.count}`;
    add(id, words.join(' '), table.ageSeconds(top));
  }
  return {
    starting: [...found.values()].slice(0, 16),
    watched: (pid) => table.lineage(pid).some((process) => watchedPids.has(process.pid)),
  };
}

/** `npm run dev` runs `node server.js`: both are watched, and are one. */
function topmost(table: ProcessTable, process: Process, patterns: readonly string[]): Process {
  const watched = table.lineage(process.pid).filter((each) => isWatched(table.command(each.pid), patterns));
  return watched.at(-1) ?? process;
}
