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
}

/** Whether the student's choice of this port is enough: a debugger, or what may be one, needs a confirmed warning. */
const isSelectable = ({ purpose }: Candidate, { isDebuggerConfirmed }: Choice) =>
  isDebuggerConfirmed || (purpose !== null && purpose !== 'debugger');

/**
 * In this order: the chosen port, `$PORT` (`portVariable`), a descendant of a watched command, the newest web server.
 * A port that does not answer in HTTP (database, language server) is never selected automatically, except on `$PORT` if
 * it does not answer; a database or admin page is, if it listens on `$PORT`, which the student has told it to. A debugger
 * never is, nor is a listener that may still turn out to be one. Null if no candidate qualifies.
 */
export function selectService(
  candidates: readonly Candidate[],
  portVariable: number,
  choice: Choice | null,
): Service | null {
  const allowed = candidates.filter(({ isPublic }) => isPublic);
  const webServers = allowed.filter(isPublicWebServer).sort((a, b) => a.ageSeconds - b.ageSeconds);
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
  const watched = webServers.find(({ isWatched }) => isWatched);
  if (watched) return serviceFrom(watched, 'watched-command');
  const [newest] = webServers;
  if (newest === undefined) return null;
  return serviceFrom(newest, webServers.length === 1 ? 'only-web-server' : 'newest-web-server');
}
