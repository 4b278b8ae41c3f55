/**
 * Reads the records that the hooks of each shell write: small files of fixed width, named by the shell's pid. They are
 * hints: a record counts only if the process table has that shell, and without records the agent is slower but correct.
 */
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import type { PortVariable } from '../../orchestrator/protocol/messages.ts';
import type { ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';

const PHASES = ['start', 'prompt', 'run', 'exited', 'lost'] as const;

export interface ShellRecord {
  pid: number;
  /** `pid:starttime`. */
  id: string;
  /** Number of records that this shell has written; differs for each line that is typed. */
  count: number;
  /** `start`: reads its start-up files; `prompt`: waits for a line; `run`: runs one; `exited`, `lost`: how it ended. */
  phase: (typeof PHASES)[number];
  portVariable: PortVariable;
  quiet: boolean;
  /** The first simple command of the line that runs, up to 160 bytes. */
  command: string;
  /** When the record was written; ms since 1970. */
  writtenAt: number;
}

/** Records that are read; a student may create any number of files. */
const MAX_RECORDS = 256;

/** Columns as hooks.bash writes them: count 10, phase 8, PORT's state 8, quiet 2, start time 20, command. */
export function parseShellRecord(pid: number, text: string, writtenAt: number): ShellRecord | null {
  const column = (from: number, length: number) => text.slice(from, from + length).trim();
  const count = Number(column(0, 10));
  const phase = PHASES.find((each) => each === column(10, 8));
  const portVariable = column(18, 8);
  const start = column(28, 20);
  if (!Number.isInteger(count) || !/^\d+$/.test(start)) return null;
  if (phase === undefined) return null;
  if (portVariable !== 'ok' && portVariable !== 'unset' && portVariable !== 'changed') return null;
  const [command = ''] = text.slice(48).split('\n');
  return {
    pid,
    id: `${pid}:${start}`,
    count,
    phase,
    portVariable,
    quiet: column(26, 2) === '1',
    command: command.trim(),
    writtenAt,
  };
}

/**
 * The records of living shells. Those of shells that have ended are returned once (they say how), then removed together
 * with the shell's messages: a later shell with the same pid must not show them. `run`: the tmpfs.
 */
export function readShellRecords(
  run: string,
  table: Pick<ProcessTable, 'all'>,
): { living: ShellRecord[]; ended: ShellRecord[] } {
  const folder = `${run}/shells`;
  const living: ShellRecord[] = [];
  const ended: ShellRecord[] = [];
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    return { living, ended };
  }
  for (const name of names.filter((each) => /^\d{1,10}$/.test(each)).slice(0, MAX_RECORDS)) {
    const path = `${folder}/${name}`;
    const text = readText(path);
    if (text === null) continue;
    const shell = parseShellRecord(Number(name), text, modifiedAt(path));
    if (shell !== null && table.all.get(shell.pid)?.id === shell.id) living.push(shell);
    else {
      if (shell !== null) ended.push(shell);
      remove(path, `${path}.trap`, `${run}/messages/${name}`);
    }
  }
  return { living, ended };
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Date.now();
  }
}

function remove(...paths: string[]): void {
  for (const path of paths) {
    try {
      unlinkSync(path);
    } catch {
      // It does not exist, or is a folder of the student.
    }
  }
}
