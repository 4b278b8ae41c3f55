/** Selects the listener to which the relay forwards. */
import type { Service } from '../../orchestrator/protocol/messages.ts';
import type { SpokenProtocol } from './protocol-probe.ts';

export interface Candidate {
  port: number;
  address: string;
  speaks: SpokenProtocol | null;
  /** False if it was started in a shell without a valid PORT. */
  isPublic: boolean;
  /** Whether it descends from a running watched command. */
  isWatched: boolean;
  /** Seconds since its process started. */
  ageSeconds: number;
}

/**
 * In this order: the chosen port, `$PORT` (`portVariable`), a descendant of a watched command, the newest web server.
 * A port that does not answer in HTTP (debugger, database, language server) is never selected automatically, except on
 * `$PORT` while it has not answered yet. Null if no candidate qualifies.
 */
export function selectService(
  candidates: readonly Candidate[],
  portVariable: number,
  chosenPort: number | null,
): Service | null {
  const allowed = candidates.filter(({ isPublic }) => isPublic);
  const webServers = allowed
    .filter(({ speaks }) => speaks === 'http' || speaks === 'https')
    .sort((a, b) => a.ageSeconds - b.ageSeconds);
  const serviceFrom = ({ port, address, speaks }: Candidate, reason: Service['reason']): Service => ({
    port,
    address,
    scheme: speaks === 'https' ? 'https' : 'http',
    reason,
  });
  const chosen = allowed.find(({ port }) => port === chosenPort);
  if (chosen) return serviceFrom(chosen, 'chosen');
  const onPortVariable = allowed.find(({ port, speaks }) => port === portVariable && speaks !== 'other');
  if (onPortVariable) return serviceFrom(onPortVariable, 'port-variable');
  const watched = webServers.find(({ isWatched }) => isWatched);
  if (watched) return serviceFrom(watched, 'watched-command');
  const [newest] = webServers;
  if (newest === undefined) return null;
  return serviceFrom(newest, webServers.length === 1 ? 'only-web-server' : 'newest-web-server');
}
