/** A timer for any delay: Node's own fires at once, without end, where it is given more than 2^31 - 1 ms (24.8 days). */

const LONGEST = 2 ** 31 - 1;

/** Calls back after `ms`, or after the longest time that a timer can take. It keeps no process alive. */
export const startTimer = (task: () => void, ms: number): NodeJS.Timeout =>
  setTimeout(task, Math.min(ms, LONGEST)).unref();
