/** A relay in a process of its own, for `RelayProcess`: says its port, and its memory when asked. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRelay } from '../../hooks/agent/relay/index.ts';

const [port] = process.argv.slice(2).map(Number);

const relay = await startRelay({
  port: 0,
  host: '127.0.0.1',
  service: () => ({ port: port ?? 0, address: '127.0.0.1', scheme: 'http', because: 'PORT' }),
  identity: () => ({ instance: 'test', student: 'alice' }),
  public: () => ({
    hostname: 'alice.test',
    url: 'http://alice.test',
    student: 'alice',
    phase: 'open',
    starting: false,
  }),
});

process.on('message', async () => {
  // What has just been closed is let go of within some turns of the loop.
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  process.send?.(heapUsed + external);
});
process.on('disconnect', () => process.exit());
process.send?.(relay.port);
