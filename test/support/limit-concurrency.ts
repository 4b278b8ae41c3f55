/**
 * Lets so many tasks run at once; the others wait for their turn. Those who share an event loop wait most of the
 * time, but too many of them keep each other's answers waiting, until a call is given up that nothing had delayed.
 */
export function limitConcurrency(width: number): <Result>(task: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < width) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // Its place goes to the next one.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
