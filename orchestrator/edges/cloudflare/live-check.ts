/**
 * "Live" on Cloudflare: a connector runs with a configuration that has the rule, and the rule's origin answers as that
 * student's. Both halves are checked from here, and the name is never resolved: a resolver that is asked too early
 * caches its "no such name" for minutes.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { TELL_INSTRUCTOR } from '../../errors.ts';
import type { Confirmation, Route } from '../edge.ts';
import { fetchLinkIdentity, isOwnIdentity } from '../link-identity.ts';
import type { ConnectorState, Connectors } from './connectors.ts';

/** Pause between two requests to a relay that does not answer. */
const RETRY_MS = 200;

export interface ConfirmationOptions {
  route: Route;
  instance: string;
  /** The configuration's version that has the rule; null where none is known to. */
  version: number | null;
  connectors: Connectors;
  clock: Clock;
  signal: AbortSignal;
}

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
async function requestIdentity({
  route,
  instance,
  clock,
  signal,
}: ConfirmationOptions): Promise<string | null> {
  const { hostname: host, port } = new URL(route.origin);
  // The connector first: one question for the whole class, and the longer one.
  await setImmediate();
  let found = 'nothing';
  while (!signal.aborted) {
    const answer = await fetchLinkIdentity({ host, port: Number(port) }, route.hostname, signal);
    if (isOwnIdentity(answer, route, instance)) return null;
    // What is said of a question that was cut off is not what is wrong.
    if (!signal.aborted) found = typeof answer === 'string' ? answer : 'the answer of another student';
    await clock.sleep(RETRY_MS, signal);
  }
  return found;
}

/** Resolves when the link works, or with what is known when `signal` aborts. */
export async function confirmRoute(options: ConfirmationOptions): Promise<Confirmation> {
  const { route, version, connectors, signal } = options;
  const fail = (what: string, next: string, nextForStudent?: string): Confirmation => ({
    kind: 'not-live',
    problem: { code: 'edge', what, next, ...(nextForStudent !== undefined && { nextForStudent }) },
  });
  if (version === null)
    return fail(`Cloudflare does not have ${route.hostname} yet.`, 'devenv retries automatically.');
  // Both halves at once: a class would wait for its own two hundred relays after the connector's answer.
  const [isReached, found] = await Promise.all([
    connectors.reached(version, signal),
    requestIdentity(options),
  ]);
  if (!isReached) {
    const { what, next, nextForStudent } = connectorProblem(connectors.state, version);
    return fail(what, next, nextForStudent);
  }
  if (found === null) return { kind: 'live' };
  return fail(
    `Cloudflare leads ${route.hostname} here, but ${route.owner}'s environment does not answer on ${route.origin} (${found}).`,
    `\`devenv restart ${route.owner}\` repairs that.`,
    'Wait a moment. If it stays this way, tell your instructor.',
  );
}
