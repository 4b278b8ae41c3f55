/** The relay, and edge and relay together, against the direct connection: latency and throughput in one run. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import autocannon from 'autocannon';
import { pino } from 'pino';
import { startRelay } from '../../hooks/agent/relay/index.ts';
import { createLocalEdge } from '../../orchestrator/edges/local/index.ts';
import { report } from '../support/figures.ts';

const SECONDS = 3;
const page = Buffer.alloc(4096, 'x');

const service = createServer((_request, response) => response.end(page)).listen(0, '127.0.0.1');
await once(service, 'listening');
const address = service.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
const relay = await startRelay({
  port: 0,
  host: '127.0.0.1',
  service: () => ({ port, address: '127.0.0.1', scheme: 'http', because: 'PORT' }),
  identity: () => ({ instance: 'bench', student: 'alice', service: port }),
  public: () => ({
    hostname: 'alice.test',
    url: 'http://alice.test',
    student: 'alice',
    phase: 'open',
    starting: false,
  }),
});
const edge = createLocalEdge({
  listen: '127.0.0.1:0',
  hostname: null,
  instance: 'bench',
  log: pino({ level: 'silent' }),
});
await edge.start();
const route = { student: 'alice', hostname: 'alice.test', origin: `http://127.0.0.1:${relay.port}` };
await edge.publish({ take: () => ({ routes: [route], holders: [] }), signal: new AbortController().signal });

const load = async (to: number, connections: number) => {
  const { latency, requests } = await autocannon({
    url: `http://127.0.0.1:${to}`,
    headers: { host: 'alice.test' },
    connections,
    duration: SECONDS,
  });
  return { latency: latency.average, rate: requests.average };
};

const ways = { direct: port, relay: relay.port, 'edge and relay': edge.address().port };
for (const connections of [1, 20]) {
  let direct: { latency: number; rate: number } | null = null;
  for (const [name, to] of Object.entries(ways)) {
    const figures = await load(to, connections);
    direct ??= figures;
    const ratio = { to: 'direct', is: figures.rate / direct.rate };
    report(`${name}, ${connections} at once: requests a second`, figures.rate.toFixed(0), ratio);
    // At one connection the rate is the latency's inverse, which is finer than autocannon's whole milliseconds.
    if (connections === 1) {
      report(`${name}: latency`, `${(1000 / figures.rate).toFixed(3)} ms`, {
        to: 'direct',
        is: direct.rate / figures.rate,
      });
    }
  }
}
await edge.stop();
await relay.close();
service.closeAllConnections();
service.close();
