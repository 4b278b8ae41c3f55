/** A relay in a process of its own, for `RelayProcess`: says its port, and its memory when asked. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRelay } from '../../hooks/agent/relay/index.ts';

const [port = '', student = ''] = process.argv.slice(2);

const relay = await startRelay({
  port: 0,
  host: '127.0.0.1',
  service: () => ({ port: Number(port), address: '127.0.0.1', scheme: 'http', reason: 'port-variable' }),
  identity: () => ({ instance: 'test', student }),
  public: () => ({
    hostname: `${student}.test`,
    url: `http://${student}.test`,
    student,
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
