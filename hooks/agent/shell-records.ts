/**
 * What the hooks of each shell say: a small file of fixed width, named by the shell's pid. A hint only: it is
 * believed where it fits the process table, and nothing depends on it but speed.
 */
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import type { PortVariable } from '../../orchestrator/protocol/messages.ts';
import type { ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';

const PHASES = ['start', 'prompt', 'run', 'exited', 'lost'] as const;

export interface ShellRecord {
  pid: number;
  id: string;
  /** Counts what the shell has written; differs for each line that is typed. */
  count: number;
  /** `start`: reading its files; `prompt`: waiting for a line; `run`: running one; `exited`, `lost`: how it ended. */
  phase: (typeof PHASES)[number];
  port: PortVariable;
  quiet: boolean;
  /** The first simple command of the line that runs, as far as it fits. */
  command: string;
  /** When it was written; ms since 1970. */
  writtenAt: number;
}

/** Most files looked at: a student may make as many as they like. */
const MOST = 256;

/** Columns as hooks.bash writes them: count 10, phase 8, port 8, quiet 2, start time 20, command. */
export function parseShellRecord(pid: number, text: string, writtenAt: number): ShellRecord | null {
  const column = (from: number, length: number) => text.slice(from, from + length).trim();
  const count = Number(column(0, 10));
  const phase = PHASES.find((each) => each === column(10, 8));
  const port = column(18, 8);
  const start = column(28, 20);
  if (!Number.isInteger(count) || !/^\d+$/.test(start)) return null;
  if (phase === undefined) return null;
  if (port !== 'ok' && port !== 'unset' && port !== 'changed') return null;
  const [command = ''] = text.slice(48).split('\n');
  return {
    pid,
    id: `${pid}:${start}`,
    count,
    phase,
    port,
    quiet: column(26, 2) === '1',
    command: command.trim(),
    writtenAt,
  };
}

/**
 * All that have written; the files of shells that are gone are given once more (how they ended), then removed. So are
 * their messages: a later shell with that pid must not show them.
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
  for (const name of names.filter((each) => /^\d{1,10}$/.test(each)).slice(0, MOST)) {
    const path = `${folder}/${name}`;
    const text = readText(path);
    if (text === null) continue;
    const shell = parseShellRecord(Number(name), text, modified(path));
    if (shell !== null && table.all.get(shell.pid)?.id === shell.id) living.push(shell);
    else {
      if (shell !== null) ended.push(shell);
      remove(path, `${path}.trap`, `${run}/messages/${name}`);
    }
  }
  return { living, ended };
}

function modified(path: string): number {
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
      // Not there, or a folder of the student's making.
    }
  }
}
