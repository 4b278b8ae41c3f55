import { KeyedMutex } from '../../../orchestrator/keyed-mutex.ts';

/** A task that ends when told to. */
function gate(): { open(): void; passed: Promise<void> } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), passed };
}

test('tasks of one key never overlap, tasks of another key need not wait', async () => {
  const queue = new KeyedMutex();
  const hold = gate();
  const order: string[] = [];
  const first = queue.run('alice', async () => {
    await hold.passed;
    order.push('alice 1');
  });
  const second = queue.run('alice', async () => {
    order.push('alice 2');
  });
  await queue.run('bob', async () => {
    order.push('bob');
  });
  hold.open();
  await Promise.all([first, second]);
  expect(order).toEqual(['bob', 'alice 1', 'alice 2']);
});

test('a task that fails does not fail the next one', async () => {
  const queue = new KeyedMutex();
  const failing = queue.run('alice', () => Promise.reject(new Error('no')));
  const next = queue.run('alice', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
