/** One task at a time. */
import { Mutex } from '../../../orchestrator/mutex.ts';

test('tasks run in the order of the calls, never two at a time', async () => {
  const mutex = new Mutex();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = mutex.run(async () => {
    order.push('first begins');
    await gate.promise;
    order.push('first ends');
  });
  const second = mutex.run(async () => {
    order.push('second');
    return 2;
  });
  gate.resolve();
  expect(await second).toBe(2);
  await first;
  expect(order).toEqual(['first begins', 'first ends', 'second']);
});

test('`idle` resolves after every requested task, also after one that fails', async () => {
  const mutex = new Mutex();
  let hasEnded = false;
  const failing = mutex.run(() => Promise.reject(new Error('no')));
  const last = mutex.run(async () => {
    hasEnded = true;
  });
  failing.catch(() => {});
  await mutex.idle;
  expect(hasEnded).toBe(true);
  await expect(failing).rejects.toThrow('no');
  await last;
});
