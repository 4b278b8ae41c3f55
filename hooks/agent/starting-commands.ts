/** Finds watched commands: those that were typed, and those that run. */
import type { StartingCommand } from '../../orchestrator/protocol/messages.ts';
import type { Process, ProcessTable } from './process-table.ts';
import type { ShellRecord } from './shell-records.ts';

/** Longer-running commands are not reported; the orchestrator gives up on them much sooner. */
const MAX_AGE_SECONDS = 3600;
/** A typed command has a process within this time. Afterwards only the process table shows what is starting. */
const TYPED_COMMAND_TIMEOUT_MS = 3000;
/** Limits of the report. */
const MAX_COMMANDS = 16;
const MAX_COMMAND_LENGTH = 200;

/** Words before a command that are not its name. */
const WRAPPERS = new Set(['nohup', 'time', 'exec', 'command', 'env']);

/** A command line from the command's name on: without leading assignments and wrappers, and without the program's folder. */
export function significantWords(words: readonly string[]): string[] {
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !WRAPPERS.has(word));
  if (first < 0) return [];
  const [program = '', ...rest] = words.slice(first);
  return [program.slice(program.lastIndexOf('/') + 1), ...rest];
}

/** Whether the text equals the pattern, in which `*` matches anything. */
export function matchesWildcard(text: string, pattern: string): boolean {
  if (!pattern.includes('*')) return text === pattern;
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}

/** Whether a command line begins with the words of a pattern (a `./dev.sh` in it as well); `*` in a word matches anything. */
export function matchesCommand(words: readonly string[], pattern: string): boolean {
  const expected = significantWords(pattern.split(/\s+/).filter((word) => word !== ''));
  // A pattern of assignments alone would match everything.
  return (
    expected.length > 0 &&
    expected.every((word, index) => {
      const given = words[index];
      return given !== undefined && matchesWildcard(given, word);
    })
  );
}

const isWatched = (words: readonly string[], patterns: readonly string[]) =>
  patterns.some((pattern) => matchesCommand(significantWords(words), pattern));

/** The shell in which a process was started, or which it is: its nearest ancestor with hooks. */
export function nearestShell(
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

/** Whether the shell runs a command. One in its own terminal's foreground runs none, even if its last record says so: its hooks may be gone. */
function isRunning(table: ProcessTable, shell: ShellRecord): boolean {
  const process = table.all.get(shell.pid);
  const isForeground = process !== undefined && process.foreground === process.group;
  const isRecent = Date.now() - shell.writtenAt < TYPED_COMMAND_TIMEOUT_MS;
  return shell.phase === 'run' && (!isForeground || isRecent);
}

/** The topmost watched ancestor: `npm run dev` runs `node server.js`, and both are watched, but it is one command. */
function topmostWatched(table: ProcessTable, process: Process, patterns: readonly string[]): Process {
  const watched = table.lineage(process.pid).filter((each) => isWatched(table.command(each.pid), patterns));
  return watched.at(-1) ?? process;
}

export interface CommandSources {
  table: ProcessTable;
  shells: readonly ShellRecord[];
  /** The watched commands, as written in the settings. */
  patterns: readonly string[];
  isPublic(pid: number): boolean;
}

export interface WatchedCommands {
  starting: StartingCommand[];
  /** Whether the process is a watched command that runs, or descends from one. */
  isWatched(pid: number): boolean;
}

export class StartingCommandFinder {
  /** Command ids by process id. A process that was started as a typed command keeps that command's id, also in the background. */
  #idsByProcess = new Map<string, string>();
  /** By shell id: the command typed last, until its process is found. */
  #typed = new Map<string, { id: string; untilMs: number }>();

  /** Each public watched command once: typed text and process of the same command share the typed command's id. */
  find({ table, shells, patterns, isPublic }: CommandSources): WatchedCommands {
    const found = new Map<string, StartingCommand>();
    const add = (id: string, command: string, ageSeconds: number) => {
      if (ageSeconds <= MAX_AGE_SECONDS && !found.has(id))
        found.set(id, { id, command: command.slice(0, MAX_COMMAND_LENGTH), ageSeconds });
    };
    for (const shell of shells) {
      if (!isRunning(table, shell) || shell.portVariable !== 'ok') continue;
      if (!isWatched(shell.command.split(/\s+/), patterns)) continue;
      const id = `${shell.id}/${shell.count}`;
      add(id, shell.command, Math.max(0, (Date.now() - shell.writtenAt) / 1000));
      this.#typed.set(shell.id, { id, untilMs: shell.writtenAt + TYPED_COMMAND_TIMEOUT_MS });
    }
    const shellsByPid = new Map(shells.map((shell) => [shell.pid, shell]));
    const watchedPids = new Set<number>();
    const ids = new Map<string, string>();
    for (const process of table.all.values()) {
      const words = table.command(process.pid);
      if (!isWatched(words, patterns)) continue;
      watchedPids.add(process.pid);
      if (!isPublic(process.pid)) continue;
      const shell = nearestShell(table, process.pid, shellsByPid);
      const top = topmostWatched(table, process, patterns);
      const id = this.#idsByProcess.get(top.id) ?? ids.get(top.id) ?? this.#newId(top, shell);
      ids.set(top.id, id);
      add(id, words.join(' '), table.ageSeconds(top));
    }
    this.#idsByProcess = ids;
    this.#forgetTyped(shells);
    return {
      starting: [...found.values()].slice(0, MAX_COMMANDS),
      isWatched: (pid) => table.lineage(pid).some((process) => watchedPids.has(process.pid)),
    };
  }

  /** Forgets typed commands whose process was found or is overdue, or whose shell has ended. */
  #forgetTyped(shells: readonly ShellRecord[]): void {
    const claimed = new Set(this.#idsByProcess.values());
    for (const [shellId, { id, untilMs }] of this.#typed)
      if (claimed.has(id) || untilMs < Date.now() || !shells.some((each) => each.id === shellId))
        this.#typed.delete(shellId);
  }

  /** The id of a process that is found for the first time: that of the typed command that started it, if known. */
  #newId(top: Process, shell: ShellRecord | undefined): string {
    if (shell?.phase === 'run') return `${shell.id}/${shell.count}`;
    return this.#typed.get(shell?.id ?? '')?.id ?? top.id;
  }
}
