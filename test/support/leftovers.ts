/** Whether a process lives: what belongs to one that does not is left over from a killed run. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
