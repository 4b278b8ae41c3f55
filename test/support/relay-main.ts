/** A relay in its own process, for `RelayProcess`: sends its port, and its memory on request. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRelay } from '../../hooks/agent/relay/index.ts';

const [port = '', student = ''] = process.argv.slice(2);

const relay = await startRelay({
  port: 0,
  host: '127.0.0.1',
  ownLink: () => ({
    hostname: `${student}.test`,
    url: `http://${student}.test`,
    service: { port: Number(port), address: '127.0.0.1', scheme: 'http', reason: 'port-variable' },
    isOpen: true,
  }),
  identity: () => ({ instance: 'test', student }),
  status: () => ({ phase: 'open', isStarting: false }),
});

process.on('message', async () => {
  // Closed connections are released within a few turns of the event loop.
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  process.send?.(heapUsed + external);
});
process.on('disconnect', () => process.exit());
process.send?.(relay.port);
