/** Which test run something on this machine belongs to. What a dead run has left may be removed. */
import { readFileSync } from 'node:fs';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** When a process started, in clock ticks since boot (proc(5), field 22 of `stat`), in base 36; null for a dead one. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name, which may contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[19]).toString(36);
  } catch {
    return null;
  }
}

/** This process, as `PID-START`: the kernel gives a pid to another process later, but not with the same start. */
export const currentRun = `${process.pid}-${startOf(process.pid)}`;

/** Whether the run `PID-START` has ended. A name without a start is judged by its pid alone. */
export function isDeadRun(run: string): boolean {
  const [pid, start] = run.split('-');
  const actual = startOf(Number(pid));
  return actual === null || (start !== undefined && start !== actual);
}
