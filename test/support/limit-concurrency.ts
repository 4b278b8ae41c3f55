/**
 * Runs at most `width` tasks at the same time; the others wait for their turn. With too many tasks on one event loop,
 * responses wait for each other until calls time out that nothing else had delayed.
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
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
