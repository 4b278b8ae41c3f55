/** One task per key at a time. */
import { KeyedMutex } from '../../../orchestrator/keyed-mutex.ts';

test('tasks of one key run one after the other, tasks of another key do not wait', async () => {
  const mutex = new KeyedMutex();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = mutex.run('alice', async () => {
    await gate.promise;
    order.push('alice 1');
  });
  const second = mutex.run('alice', async () => {
    order.push('alice 2');
  });
  await mutex.run('bob', async () => {
    order.push('bob');
  });
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(['bob', 'alice 1', 'alice 2']);
});

test('a task that fails does not fail the next one', async () => {
  const mutex = new KeyedMutex();
  const failing = mutex.run('alice', () => Promise.reject(new Error('no')));
  const next = mutex.run('alice', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
