/**
 * "Live" on Cloudflare: a connector runs with a configuration that has the rule, and the rule's origin answers as that
 * student's. Both halves are checked from here, and the name is never resolved: a resolver that is asked too early
 * caches its "no such name" for minutes.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { TELL_INSTRUCTOR } from '../../errors.ts';
import type { Confirmation, Route } from '../edge.ts';
import { awaitRelayIdentity, originAddress } from '../link-identity.ts';
import type { ConnectorState, Connectors } from './connectors.ts';

/** Pause between two requests to a relay that does not answer. */
const RETRY_MS = 200;

export interface RecheckOptions {
  route: Route;
  instance: string;
  clock: Clock;
  signal: AbortSignal;
}

export interface ConfirmationOptions extends RecheckOptions {
  /** The configuration's version that has the rule; null where none is known to. */
  version: number | null;
  connectors: Connectors;
}

const notLive = (what: string, next: string, nextForStudent?: string): Confirmation => ({
  kind: 'not-live',
  problem: { code: 'edge', what, next, ...(nextForStudent !== undefined && { nextForStudent }) },
});

function connectorProblem(
  state: ConnectorState,
  version: number,
): { what: string; next: string; nextForStudent: string } {
  switch (state.kind) {
    case 'none':
      return {
        what: 'No connector (cloudflared) is connected to the tunnel.',
        next: 'Run cloudflared on the host with this tunnel’s token.',
        nextForStudent: TELL_INSTRUCTOR,
      };
    case 'version':
      return {
        what: `Cloudflare has the link since version ${version}, the connector still runs with version ${state.newest}.`,
        next: 'This usually takes seconds. If it takes longer, check cloudflared’s log.',
        nextForStudent: 'This usually takes seconds. If it takes longer, tell your instructor.',
      };
    case 'unreachable':
      return {
        what: `Cloudflare has the link; whether the connector does could not be asked: ${state.reason}.`,
        next: 'Check cloudflared, and DEVENV_CONNECTOR_METRICS if it is set.',
        nextForStudent: 'Try the link. If it does not work, tell your instructor.',
      };
    case 'no-version':
    case 'not-polled':
      return {
        what: 'Cloudflare has the link; the connector has not said that it has it too.',
        next: 'Try the link. If it does not work, check cloudflared.',
        nextForStudent: 'Try the link. If it does not work, tell your instructor.',
      };
  }
}

/** Resolves to null when the relay answers as that student's, to what was found instead when `signal` aborts. */
async function requestIdentity(options: RecheckOptions): Promise<string | null> {
  // The connector first: one question for the whole class, and the longer one.
  await setImmediate();
  return awaitRelayIdentity(originAddress(options.route), { ...options, retryMs: RETRY_MS });
}

/** `found`: what the origin answered instead of its identity, null if it identified itself. */
function originConfirmation({ hostname, owner, origin }: Route, found: string | null): Confirmation {
  if (found === null) return { kind: 'live' };
  return notLive(
    `Cloudflare leads ${hostname} here, but ${owner}'s environment does not answer on ${origin} (${found}).`,
    `\`devenv restart ${owner}\` repairs that.`,
    'Wait a moment. If it stays this way, tell your instructor.',
  );
}

/** Resolves when the link works, or with what is known when `signal` aborts. */
export async function confirmRoute(options: ConfirmationOptions): Promise<Confirmation> {
  const { route, version, connectors, signal } = options;
  if (version === null)
    return notLive(`Cloudflare does not have ${route.hostname} yet.`, 'devenv retries automatically.');
  // Both halves at once: a class would wait for its own two hundred relays after the connector's answer.
  const [isReached, found] = await Promise.all([
    connectors.reached(version, signal),
    requestIdentity(options),
  ]);
  if (!isReached) {
    const { what, next, nextForStudent } = connectorProblem(connectors.state, version);
    return notLive(what, next, nextForStudent);
  }
  return originConfirmation(route, found);
}

/** Whether the origin of a link that was confirmed still answers. Makes no call to Cloudflare. */
export async function recheckRoute(options: RecheckOptions): Promise<Confirmation> {
  return originConfirmation(options.route, await requestIdentity(options));
}
