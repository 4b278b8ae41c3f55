/** A relay in its own process, for `RelayProcess`: sends its port, and its memory on request. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRelay } from '../../hooks/agent/relay/index.ts';

const [port = '', student = ''] = process.argv.slice(2);

const relay = await startRelay({
  port: 0,
  host: '127.0.0.1',
  keyHash: '',
  ownLink: () => ({
    hostname: `${student}.test`,
    url: `http://${student}.test`,
    service: { port: Number(port), address: '127.0.0.1', scheme: 'http', reason: 'port-variable' },
    isOpen: true,
  }),
  identity: () => ({ instance: 'test', student }),
  status: () => ({ phase: 'open', isStarting: false }),
});

const COLLECT_EVERY_MS = 50;
const STABLE_ROUNDS = 4;

/** Bytes in use, once garbage collection finds nothing more: closed connections are released over some time. */
async function usedMemory(): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let stableRounds = 0; stableRounds < STABLE_ROUNDS; stableRounds += 1) {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external < lowest * 0.99) stableRounds = 0;
    lowest = Math.min(lowest, heapUsed + external);
    await sleep(COLLECT_EVERY_MS);
  }
  return lowest;
}

process.on('message', async () => {
  process.send?.(await usedMemory());
});
process.on('disconnect', () => process.exit());
process.send?.(relay.port);
