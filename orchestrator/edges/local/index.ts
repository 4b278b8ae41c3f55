/** The local edge: a reverse proxy in the daemon. Its routes are a table in memory, so they can't drift. */
import type { Clock } from '../../clock.ts';
import { DevenvError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Confirmation, DetectedDrift, Edge, Route } from '../edge.ts';
import { fetchLinkIdentity, isOwnIdentity } from '../link-identity.ts';
import { LocalProxy } from './proxy.ts';

/** Pause between two checks of a link that is not live yet. */
const CONFIRM_INTERVAL_MS = 100;

export interface LocalEdgeOptions {
  /** `host:port`; port 0 stands for any free one. */
  listen: string;
  /** Template of the hostnames, with `{student}`; null for names under `localhost`. */
  hostname: string | null;
  instance: string;
  log: Log;
  clock: Clock;
}

export interface LocalEdge extends Edge {
  /** Where it listens; the port is known after `start`. */
  address(): { host: string; port: number };
}

function parseListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

function listenProblem(listen: string, error: NodeJS.ErrnoException): DevenvError {
  const reason =
    error.code === 'EADDRINUSE' ? 'another program listens there' : (error.code ?? error.message);
  return new DevenvError(
    {
      code: 'edge',
      what: `The local edge can't listen on ${listen}: ${reason}.`,
      next: 'Choose another address with DEVENV_LISTEN (or `listen` in the settings file), or stop the program that listens there.',
    },
    { cause: error },
  );
}

export function createLocalEdge({ listen, hostname, instance, log, clock }: LocalEdgeOptions): LocalEdge {
  const proxy = new LocalProxy();
  const requested = parseListen(listen);
  const hostnameOf = (student: string) =>
    (hostname ?? '{student}.localhost').toLowerCase().replaceAll('{student}', student);
  let { port: boundPort } = requested;
  const address = () => ({ host: requested.host, port: boundPort });
  /** The address at which this process reaches its own edge. */
  const ownAddress = () => {
    const { host, port } = address();
    return { host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port };
  };

  const driftFrom = (routes: readonly Route[]): DetectedDrift[] => {
    const open = new Set(proxy.hostnames());
    return routes
      .filter(({ hostname }) => !open.has(hostname))
      .map(({ id, owner, hostname }) => ({ id, owner, hostname, found: 'not open', action: 'open it' }));
  };

  return {
    kind: 'local',
    hasCostlyWrites: false,
    address,

    async start() {
      boundPort = await proxy.listen(requested.port, requested.host).catch((error) => {
        throw listenProblem(listen, error);
      });
      proxy.onError((err) => log.error({ err }, 'local edge: a listening socket failed'));
    },

    url(hostname) {
      const { port } = address();
      return `http://${hostname}${port === 80 ? '' : `:${port}`}`;
    },

    hostname: async (student) => hostnameOf(student),
    knownHostname: hostnameOf,

    onHostnamesKnown() {
      // The settings determine them.
    },

    onRunDue() {
      // A table in memory never needs a further run.
    },

    checkHostname() {
      // The local edge can serve every hostname.
    },

    async begin(_preview, { mode }) {
      return {
        async apply({ routes }) {
          const drift = mode === 'reconcile' ? driftFrom(routes) : [];
          proxy.setRoutes(routes);
          return { drift, outcomes: [], problem: null };
        },
        diff: async ({ routes }) => driftFrom(routes),
      };
    },

    async confirm(route: Route, signal: AbortSignal): Promise<Confirmation> {
      let found = 'nothing';
      while (!signal.aborted) {
        const answer = await fetchLinkIdentity(ownAddress(), route.hostname, signal);
        if (isOwnIdentity(answer, route, instance)) return { kind: 'live' };
        found = typeof answer === 'string' ? answer : 'the answer of another student';
        await clock.sleep(CONFIRM_INTERVAL_MS, signal);
      }
      return {
        kind: 'not-live',
        problem: {
          code: 'edge',
          what: `${route.hostname} does not answer as ${route.owner}'s yet (${found}).`,
          next: `devenv tries again automatically. If this persists, the relay in the environment does not answer: run \`devenv restart ${route.owner}\`.`,
        },
      };
    },

    async diagnose() {
      const { host, port } = address();
      return [{ subject: 'Local edge', ok: true, found: `listens on ${host}:${port}`, next: null }];
    },

    stop: () => proxy.close(),
  };
}
