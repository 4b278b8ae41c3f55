/** The local edge: a reverse proxy in the daemon. What it serves is a table in memory, so nothing can drift. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DevenvError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Confirmation, DetectedDrift, Edge, Route } from '../edge.ts';
import { fetchLinkIdentity, isOwnIdentity } from '../link-identity.ts';
import { LocalProxy } from './proxy.ts';

/** How often an answer is asked for while there is none, in ms. */
const ASK_EVERY = 100;

export interface LocalEdgeOptions {
  /** `host:port`, port 0 for any. */
  listen: string;
  /** Template of the hostnames, with `{student}`; null for names below `localhost`. */
  hostname: string | null;
  instance: string;
  log: Log;
}

export interface LocalEdge extends Edge {
  address(): { host: string; port: number };
}

function parseListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

function listenProblem(listen: string, error: NodeJS.ErrnoException): DevenvError {
  const reason = error.code === 'EADDRINUSE' ? 'something else listens there' : (error.code ?? error.message);
  return new DevenvError(
    {
      code: 'edge',
      what: `The local edge can't listen on ${listen}: ${reason}.`,
      next: 'Choose another address with DEVENV_LISTEN (or `listen` in the settings file), or end what listens there.',
    },
    { cause: error },
  );
}

export function createLocalEdge({ listen, hostname, instance, log }: LocalEdgeOptions): LocalEdge {
  const proxy = new LocalProxy();
  const wished = parseListen(listen);
  const hostnameOf = (student: string) =>
    (hostname ?? '{student}.localhost').toLowerCase().replaceAll('{student}', student);
  let { port: boundPort } = wished;
  const address = () => ({ host: wished.host, port: boundPort });
  /** Where this process reaches its own edge. */
  const own = () => {
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
      boundPort = await proxy.listen(wished.port, wished.host).catch((error) => {
        throw listenProblem(listen, error);
      });
      proxy.onError((err) => log.error({ err }, 'the local edge'));
    },

    url(hostname) {
      const { port } = address();
      return `http://${hostname}${port === 80 ? '' : `:${port}`}`;
    },

    hostname: async (student) => hostnameOf(student),
    knownHostname: hostnameOf,

    onHostnamesKnown() {
      // They are known from the settings alone.
    },

    onRunDue() {
      // What is published here is a table in memory: nothing falls due.
    },

    checkHostname() {
      // Every hostname can be served here.
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
        const answer = await fetchLinkIdentity(own(), route.hostname, signal);
        if (isOwnIdentity(answer, route, instance)) return { kind: 'live' };
        found = typeof answer === 'string' ? answer : 'the answer of another student';
        await sleep(ASK_EVERY, undefined, { signal }).catch(() => undefined);
      }
      return {
        kind: 'not-live',
        problem: {
          code: 'edge',
          what: `${route.hostname} does not answer as ${route.owner}'s yet (${found}).`,
          next: "It is tried again. If it stays so, the environment's relay does not answer: `devenv restart` mends that.",
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
