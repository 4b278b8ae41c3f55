/** The local edge: a reverse proxy on this host, in a process of its own. It gets every change of the routes as a whole. */
import { join } from 'node:path';
import { type Clock, systemClock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Confirmation, DetectedDrift, Edge, Route } from '../edge.ts';
import { awaitLinkIdentity, awaitRelayIdentity, originAddress } from '../link-identity.ts';
import { DirectAddresses } from './direct-addresses.ts';
import { EdgeProcess, endEdgeProcess } from './edge-process.ts';
import type { RouteServer, ServedRoute } from './route-server.ts';

/** Pause between two checks of a link that is not live yet. */
const CONFIRM_INTERVAL_MS = 100;

export interface LocalEdgeOptions {
  /** Template of the hostnames, with `{student}`; null for names under `localhost`. */
  hostname: string | null;
  instance: string;
  clock: Clock;
  /** The address on which `server` listens. */
  host: string;
  server: RouteServer;
}

export interface LocalEdgeProcessOptions {
  /** `host:port`; port 0 stands for any free one. */
  listen: string;
  hostname: string | null;
  instance: string;
  stateDir: string;
  log: Log;
  clock: Clock;
}

export interface LocalEdge extends Edge {
  /** Where it listens; the port is known after `start`. */
  address(): { host: string; port: number };
}

/** `listen`: `host:port`, with brackets around an IPv6 address. */
export function parseListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

const controlSocketOf = (stateDir: string) => join(stateDir, 'edge.sock');

/** The local edge whose proxy is a process of its own, with a control socket in the state folder. */
export function createLocalEdgeProcess(options: LocalEdgeProcessOptions): LocalEdge {
  const { stateDir, hostname, listen, instance, log, clock } = options;
  const address = parseListen(listen);
  const server = new EdgeProcess({
    ...address,
    socketPath: controlSocketOf(stateDir),
    listen,
    instance,
    log,
    clock,
  });
  return createLocalEdge({ hostname, instance, clock, host: address.host, server });
}

/** Ends the edge process of a state folder, whether a daemon runs or not. Resolves to whether there was one. */
export const endLocalEdge = (stateDir: string): Promise<boolean> =>
  endEdgeProcess(controlSocketOf(stateDir), systemClock);

export function createLocalEdge({ hostname, instance, clock, host, server }: LocalEdgeOptions): LocalEdge {
  const hostnameOf = (student: string) =>
    (hostname ?? '{student}.localhost').toLowerCase().replaceAll('{student}', student);
  let port = 0;
  /** The address at which this process reaches its own edge. */
  const ownAddress = () => ({ host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port });

  /** The open routes; null until the first run, because an edge process from before has its own. */
  let current: readonly Route[] | null = null;
  const direct = new DirectAddresses({
    instance,
    clock,
    onChange() {
      // Where the server can't be reached, it gets them as soon as it can.
      if (current !== null) server.setRoutes(served(current)).catch(() => undefined);
    },
  });
  const served = (routes: readonly Route[]): ServedRoute[] =>
    routes.map(({ hostname, origin, owner, relayKey }) => ({
      hostname,
      origin,
      direct: direct.of(owner),
      relayKey,
    }));

  const driftFrom = (routes: readonly Route[], hostnames: readonly string[]): DetectedDrift[] => {
    const open = new Set(hostnames);
    return routes
      .filter(({ hostname }) => !open.has(hostname))
      .map(({ id, owner, hostname }) => ({ id, owner, hostname, found: 'not open', action: 'open it' }));
  };

  /** `found`: what answered in place of the link, null if it identified itself. */
  const confirmation = ({ hostname, owner }: Route, found: string | null): Confirmation => {
    const problem = server.problem();
    if (problem !== null) return { kind: 'not-live', problem };
    if (found === null) return { kind: 'live' };
    return {
      kind: 'not-live',
      problem: {
        code: 'edge',
        what: `${hostname} does not answer as ${owner}'s (${found}).`,
        next: `devenv tries again automatically. If this persists, the relay in the environment does not answer: run \`devenv restart ${owner}\`.`,
        nextForStudent: 'Wait a moment. If it stays this way, tell your instructor.',
      },
    };
  };

  return {
    kind: 'local',
    hasCostlyWrites: false,
    sharedOpenings: null,
    address: () => ({ host, port }),
    problem: () => server.problem(),

    async start() {
      port = await server.start();
    },

    url(hostname) {
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
          current = routes;
          for (const route of routes) direct.verify(route, mode === 'reconcile');
          const before = await server.setRoutes(served(routes));
          const drift = mode === 'reconcile' ? driftFrom(routes, before) : [];
          return { drift, outcomes: [], problem: null };
        },
        diff: async ({ routes }) => driftFrom(routes, await server.hostnames()),
      };
    },

    async confirm(route, signal) {
      const check = { route, host: route.hostname, instance, clock, retryMs: CONFIRM_INTERVAL_MS, signal };
      const found = await awaitLinkIdentity(ownAddress(), check);
      // The port as well, though this edge may not need it: a dead one is repaired only while the link is not live.
      return confirmation(route, found ?? (await awaitRelayIdentity(originAddress(route), check)));
    },

    // Past this edge, which answers `busy` to everyone while a flood occupies the link; and by the port on the host, so
    // that a dead one is repaired although this edge does not need it.
    async recheck(route, signal) {
      const check = { route, instance, clock, retryMs: CONFIRM_INTERVAL_MS, signal };
      return confirmation(route, await awaitRelayIdentity(originAddress(route), check));
    },

    setRelayAddress(owner, address) {
      direct.set(owner, address);
      for (const route of current ?? []) if (route.owner === owner) direct.verify(route, false);
    },

    async diagnose() {
      const routes = current ?? [];
      const dialled = routes.filter(({ owner }) => direct.of(owner) !== null).length;
      const how = `${dialled} of ${routes.length} open links past Docker's port proxy`;
      return (await server.diagnose()).map((each) => ({ ...each, found: `${each.found}; ${how}` }));
    },

    async stop() {
      direct.stop();
      await server.stop();
    },
  };
}
