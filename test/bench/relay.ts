/** The relay, and edge and relay together, against the direct connection: latency, throughput, memory, in one run. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import autocannon from 'autocannon';
import { pino } from 'pino';
import { systemClock } from '../../orchestrator/clock.ts';
import { createLocalEdge } from '../../orchestrator/edges/local/index.ts';
import { applyRoutes } from '../support/apply-routes.ts';
import { printMeasurement } from '../support/measurements.ts';
import { ownRoute } from '../support/own-route.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { portOf } from '../support/visitor-rig.ts';

const SECONDS = 3;
const MB = 2 ** 20;
const page = Buffer.alloc(4096, 'x');

const service = createServer((_request, response) => response.end(page)).listen(0, '127.0.0.1');
await once(service, 'listening');
// A process of its own with the agent's flags, as in an environment.
const relay = await RelayProcess.start(portOf(service), 'alice');
const edge = createLocalEdge({
  listen: '127.0.0.1:0',
  hostname: null,
  instance: 'bench',
  log: pino({ level: 'silent' }),
  clock: systemClock,
});
await edge.start();
await applyRoutes(edge, [ownRoute('alice', 'alice.test', `http://127.0.0.1:${relay.port}`)]);

const load = (to: number, connections: number, limit: { duration: number } | { amount: number }) =>
  autocannon({ url: `http://127.0.0.1:${to}`, headers: { host: 'alice.test' }, connections, ...limit });

/** Times of single requests, one after the other, in ms: finer than autocannon's whole milliseconds. */
async function times(to: number, count: number): Promise<number[]> {
  const { Agent, request } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const taken: number[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const started = performance.now();
    const outgoing = request({ port: to, host: '127.0.0.1', agent, headers: { host: 'alice.test' } }).end();
    const [incoming] = await once(outgoing, 'response');
    incoming.resume();
    await once(incoming, 'end');
    taken.push(performance.now() - started);
  }
  agent.destroy();
  return taken.toSorted((a, b) => a - b);
}

const ways = { direct: portOf(service), relay: relay.port, 'edge and relay': edge.address().port };

for (const to of Object.values(ways)) await load(to, 20, { duration: 1 });
const before = { memory: await relay.memory(), dirty: relay.privateDirty() };

const latencies: Record<string, number> = {};
for (const [name, to] of Object.entries(ways)) {
  const taken = await times(to, 2000);
  for (const [share, at] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const ms = taken[Math.floor(taken.length * at)] ?? Number.NaN;
    latencies[share] ??= ms;
    printMeasurement(`${name}: latency ${share}`, `${ms.toFixed(3)} ms`, {
      to: 'direct',
      is: ms / (latencies[share] ?? 1),
    });
  }
}
let direct = Number.NaN;
for (const [name, to] of Object.entries(ways)) {
  const { requests } = await load(to, 20, { duration: SECONDS });
  if (name === 'direct') direct = requests.average;
  printMeasurement(`${name}, 20 at once: requests a second`, requests.average.toFixed(0), {
    to: 'direct',
    is: requests.average / direct,
  });
}
await load(relay.port, 20, { amount: 10_000 });
const after = { memory: await relay.memory(), dirty: relay.privateDirty() };
printMeasurement('relay: heap after 10,000 requests more', `${(after.memory / MB).toFixed(1)} MB`, {
  to: 'before',
  is: after.memory / before.memory,
});
printMeasurement('relay: private dirty after them', `${(after.dirty / MB).toFixed(1)} MB`, {
  to: 'before',
  is: after.dirty / before.dirty,
});

await edge.stop();
await relay.stop();
service.closeAllConnections();
service.close();
