/** A local edge whose proxy runs in the test's own process. */
import { systemClock } from '../../orchestrator/clock.ts';
import { listenProblem } from '../../orchestrator/edges/local/edge-process.ts';
import { createLocalEdge, type LocalEdge, parseListen } from '../../orchestrator/edges/local/index.ts';
import { LocalProxy } from '../../orchestrator/edges/local/proxy.ts';
import type { RouteServer } from '../../orchestrator/edges/local/route-server.ts';

function serverOf(listen: string): RouteServer {
  const proxy = new LocalProxy();
  const { host, port } = parseListen(listen);
  return {
    start: () =>
      proxy.listen(port, host).catch((error) => {
        throw listenProblem(listen, error);
      }),
    async setRoutes(routes) {
      const before = proxy.hostnames();
      proxy.setRoutes(routes);
      return before;
    },
    hostnames: async () => proxy.hostnames(),
    problem: () => null,
    diagnose: async () => [],
    stop: () => proxy.close(),
  };
}

/** On any free port unless `listen` names one. */
export function createInProcessEdge({
  instance = 'test',
  hostname = null as string | null,
  listen = '127.0.0.1:0',
} = {}): LocalEdge {
  const { host } = parseListen(listen);
  return createLocalEdge({ hostname, instance, clock: systemClock, host, server: serverOf(listen) });
}
