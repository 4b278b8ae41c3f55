/** The process table, read from /proc in one pass. A process is identified by its pid and start time, never by its pid alone. */
import { readdirSync, readlinkSync } from 'node:fs';
import { readText } from './read-file.ts';

/** Linux reports times to programs in these units on every architecture that Node supports (USER_HZ). */
const TICKS_PER_SECOND = 100;
const MAX_LINEAGE = 64;

export interface Process {
  pid: number;
  /** `pid:starttime`. */
  id: string;
  name: string;
  parent: number;
  group: number;
  /** Pid of the session leader. */
  session: number;
  /** Number of the controlling terminal /dev/pts/N; null without one. */
  terminal: number | null;
  /** The process group in the terminal's foreground. */
  foreground: number;
  /** Since boot, in clock ticks. */
  startTicks: number;
}

/** /dev/pts/N has major 136 and up, and a minor of 8 bits with the rest above (Linux, Documentation/admin-guide/devices.txt). */
function ptsNumber(device: number): number | null {
  const major = (device >> 8) & 0xfff;
  if (major < 136 || major > 143) return null;
  return (major - 136) * 256 + ((device & 0xff) | ((device >> 12) & 0xfff00));
}

/** Parses /proc/PID/stat; null for zombies. The name may contain anything, so fields count from the last parenthesis. */
export function parseStat(line: string): Process | null {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  if (open < 0 || close < open) return null;
  const pid = Number(line.slice(0, open));
  const fields = line.slice(close + 2).split(' ');
  const [state, parent, group, session, device, foreground] = fields;
  const startTicks = Number(fields[19]);
  if (!Number.isInteger(pid) || !Number.isFinite(startTicks) || state === 'Z' || state === 'X') return null;
  return {
    pid,
    id: `${pid}:${startTicks}`,
    name: line.slice(open + 1, close),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    terminal: ptsNumber(Number(device)),
    foreground: Number(foreground),
    startTicks,
  };
}

export class ProcessTable {
  readonly #proc: string;
  /** By pid, without zombies. */
  readonly all: ReadonlyMap<number, Process>;

  /** Reads the table. `proc`: the path of the proc file system. */
  constructor(proc: string) {
    this.#proc = proc;
    const all = new Map<number, Process>();
    for (const name of readdirSync(proc)) {
      const first = name.charCodeAt(0);
      if (first < 48 || first > 57) continue;
      const stat = readText(`${proc}/${name}/stat`);
      const process = stat === null ? null : parseStat(stat);
      if (process !== null) all.set(process.pid, process);
    }
    this.all = all;
  }

  /** The words of its command line. A program may write anything there. */
  command(pid: number): string[] {
    const text = readText(`${this.#proc}/${pid}/cmdline`) ?? '';
    // npm and others write their title as one string with spaces.
    return text.split(/[\0 ]+/).filter((word) => word !== '');
  }

  /** A variable of the environment with which it was started; null if it has none. */
  variable(pid: number, name: string): string | null {
    const entries = (readText(`${this.#proc}/${pid}/environ`) ?? '').split('\0');
    return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
  }

  /** Its open files; empty if this process may not read them. */
  openFiles(pid: number): { number: string; target: string }[] {
    try {
      return readdirSync(`${this.#proc}/${pid}/fd`).flatMap((number) => {
        try {
          return [{ number, target: readlinkSync(`${this.#proc}/${pid}/fd/${number}`) }];
        } catch {
          return [];
        }
      });
    } catch {
      return [];
    }
  }

  fileInfo(pid: number, number: string): string {
    return readText(`${this.#proc}/${pid}/fdinfo/${number}`) ?? '';
  }

  /** The process and its ancestors, nearest first. */
  lineage(pid: number): Process[] {
    const line: Process[] = [];
    let process = this.all.get(pid);
    while (process !== undefined && line.length < MAX_LINEAGE) {
      line.push(process);
      process = this.all.get(process.parent);
    }
    return line;
  }

  /** Seconds since boot. */
  uptime(): number {
    return Number((readText(`${this.#proc}/uptime`) ?? '0').split(' ')[0]);
  }

  ageSeconds(process: Process): number {
    return Math.max(0, this.uptime() - process.startTicks / TICKS_PER_SECOND);
  }
}
