/** Selects the listener to which the relay forwards. */
import { isPublicWebServer } from '../../orchestrator/protocol/listener-purpose.ts';
import type { Listener, Service } from '../../orchestrator/protocol/messages.ts';
import type { Choice } from './chosen-port.ts';

export interface Candidate extends Pick<Listener, 'port' | 'speaks' | 'purpose' | 'isPublic'> {
  address: string;
  /** Whether it descends from a running watched command. */
  isWatched: boolean;
  /** Seconds since its process started. */
  ageSeconds: number;
  /** False while it is not known which process listens, as in the moment in which a server restarts. */
  isProcessKnown: boolean;
}

/** Whether the student's choice of this port is enough: a debugger, or what may be one, needs a confirmed warning. */
const isSelectable = ({ purpose }: Candidate, { isDebuggerConfirmed }: Choice) =>
  isDebuggerConfirmed || (purpose !== null && purpose !== 'debugger');

/** Where front ends listen by default: Vite, Angular, Astro, Parcel, Next and the like, webpack. */
const PAGE_PORTS: ReadonlySet<number> = new Set([5173, 5174, 4200, 4321, 1234, 3000, 8080]);

type IsPreferred = (candidate: Candidate) => boolean;

/** The first kind of preference that some candidates have decides; among equals the newest. */
function preferred(candidates: readonly Candidate[], preferences: readonly IsPreferred[]) {
  const left = preferences.reduce<readonly Candidate[]>((remaining, isPreferred) => {
    const matching = remaining.filter(isPreferred);
    return matching.length > 0 ? matching : remaining;
  }, candidates);
  return left.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
}

/**
 * In this order: the chosen port, `$PORT` (`portVariable`), a descendant of a watched command, another web server. Among
 * equals: a usual port of front ends, then the first of `shownPorts`, so that neither a restart of the API nor a test's
 * server takes the link from the page; then the newest. `shownPorts` is what the link shows now, and what it is to show
 * again if it returns before that.
 * A port that does not answer in HTTP (database, language server) is never selected automatically, except on `$PORT` if
 * it does not answer; a database or admin page is, if it listens on `$PORT`, which the student has told it to. A debugger
 * never is, nor is a listener that may still turn out to be one. Null if no candidate qualifies.
 */
export function selectService(
  candidates: readonly Candidate[],
  portVariable: number,
  choice: Choice | null,
  shownPorts: readonly number[] = [],
): Service | null {
  const allowed = candidates.filter(({ isPublic }) => isPublic);
  const serviceFrom = ({ port, address, speaks }: Candidate, reason: Service['reason']): Service => ({
    port,
    address,
    scheme: speaks === 'https' ? 'https' : 'http',
    reason,
  });
  const chosen = allowed.find(({ port }) => port === choice?.port);
  if (chosen && choice && isSelectable(chosen, choice)) return serviceFrom(chosen, 'chosen');
  const onPortVariable = allowed.find(
    ({ port, purpose, speaks }) =>
      port === portVariable && speaks !== 'other' && (purpose === 'page' || purpose === 'admin'),
  );
  if (onPortVariable) return serviceFrom(onPortVariable, 'port-variable');
  const webServers = allowed.filter(isPublicWebServer);
  const showsPage = webServers.some(({ port }) => port === shownPorts[0] && PAGE_PORTS.has(port));
  const best = preferred(webServers, [
    ({ isWatched }) => isWatched,
    ({ port }) => PAGE_PORTS.has(port) && !showsPage,
    ...shownPorts.map(
      (shown) =>
        ({ port }: Candidate) =>
          port === shown,
    ),
  ]);
  if (best === undefined) return null;
  if (best.isWatched) return serviceFrom(best, 'watched-command');
  if (webServers.length === 1) return serviceFrom(best, 'only-web-server');
  return serviceFrom(best, shownPorts.includes(best.port) ? 'first-web-server' : 'newest-web-server');
}
