/** The relay alone and with the edge, compared with a direct connection: latency, throughput and memory in one run. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import autocannon from 'autocannon';
import { applyRoutes } from '../support/apply-routes.ts';
import { createInProcessEdge } from '../support/in-process-edge.ts';
import { PERCENTILES, percentile, printMeasurement } from '../support/measurements.ts';
import { ownRoute } from '../support/own-route.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { portOf } from '../support/visitor-rig.ts';

const LOAD_S = 3;
const CONNECTIONS = 20;
const SINGLE_REQUESTS = 2000;
const MB = 2 ** 20;
const page = Buffer.alloc(4096, 'x');

const service = createServer((_request, response) => response.end(page)).listen(0, '127.0.0.1');
await once(service, 'listening');
// In a process of its own with the agent's flags, as in an environment.
const relay = await RelayProcess.start(portOf(service), 'alice');
const edge = createInProcessEdge({ instance: 'bench' });
await edge.start();
await applyRoutes(edge, [ownRoute('alice', 'alice.test', `http://127.0.0.1:${relay.port}`)]);

const load = (port: number, limit: { duration: number } | { amount: number }) =>
  autocannon({
    url: `http://127.0.0.1:${port}`,
    headers: { host: 'alice.test' },
    connections: CONNECTIONS,
    ...limit,
  });

/** Durations of single requests, one after the other, in ms. autocannon only measures whole milliseconds. */
async function requestTimes(port: number, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const started = performance.now();
    const outgoing = request({ port, host: '127.0.0.1', agent, headers: { host: 'alice.test' } }).end();
    const [incoming] = await once(outgoing, 'response');
    incoming.resume();
    await once(incoming, 'end');
    times.push(performance.now() - started);
  }
  agent.destroy();
  return times;
}

const ports = { direct: portOf(service), relay: relay.port, 'edge and relay': edge.address().port };

for (const port of Object.values(ports)) await load(port, { duration: 1 });
const before = { memory: await relay.memory(), dirty: relay.privateDirty() };

const directMs: Record<string, number> = {};
for (const [name, port] of Object.entries(ports)) {
  const times = await requestTimes(port, SINGLE_REQUESTS);
  for (const [percentileName, share] of PERCENTILES) {
    const ms = percentile(times, share);
    directMs[percentileName] ??= ms;
    printMeasurement(`${name}: latency, ${percentileName}`, `${ms.toFixed(3)} ms`, {
      to: 'direct',
      is: ms / (directMs[percentileName] ?? 1),
    });
  }
}
let directRate = Number.NaN;
for (const [name, port] of Object.entries(ports)) {
  const { requests } = await load(port, { duration: LOAD_S });
  if (name === 'direct') directRate = requests.average;
  printMeasurement(`${name}: requests per second, ${CONNECTIONS} connections`, requests.average.toFixed(0), {
    to: 'direct',
    is: requests.average / directRate,
  });
}
await load(relay.port, { amount: 10_000 });
const after = { memory: await relay.memory(), dirty: relay.privateDirty() };
printMeasurement('relay: heap after 10,000 more requests', `${(after.memory / MB).toFixed(1)} MB`, {
  to: 'before',
  is: after.memory / before.memory,
});
printMeasurement('relay: private dirty memory after them', `${(after.dirty / MB).toFixed(1)} MB`, {
  to: 'before',
  is: after.dirty / before.dirty,
});

await edge.stop();
await relay.stop();
service.closeAllConnections();
service.close();
