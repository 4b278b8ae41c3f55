/** Which listener the relay leads to. */
import type { Service } from '../../orchestrator/protocol/messages.ts';
import type { SpokenProtocol } from './protocol-probe.ts';

export interface Candidate {
  port: number;
  address: string;
  speaks: SpokenProtocol | null;
  /** False where the shell that started it has no valid PORT. */
  isPublic: boolean;
  /** It descends from a watched command that runs. */
  watched: boolean;
  /** Seconds since its process started. */
  ageSeconds: number;
}

/**
 * The student's choice first, then `$PORT`, then what descends from the watched command, then what answers HTTP; of
 * equals the newest. A port that does not answer HTTP (debugger, database, language server) is never chosen by
 * itself; on `$PORT` the student has said what it is.
 */
export function chooseService(
  candidates: readonly Candidate[],
  port: number,
  chosen: number | null,
): Service | null {
  const open = candidates.filter((candidate) => candidate.isPublic);
  const answering = open
    .filter(({ speaks }) => speaks === 'http' || speaks === 'https')
    .sort((a, b) => a.ageSeconds - b.ageSeconds);
  const as = (candidate: Candidate, reason: Service['reason']): Service => ({
    port: candidate.port,
    address: candidate.address,
    scheme: candidate.speaks === 'https' ? 'https' : 'http',
    reason,
  });
  const byChoice = open.find((candidate) => candidate.port === chosen);
  if (byChoice) return as(byChoice, 'chosen');
  const byPort = open.find((candidate) => candidate.port === port && candidate.speaks !== 'other');
  if (byPort) return as(byPort, 'port-variable');
  const byCommand = answering.find((candidate) => candidate.watched);
  if (byCommand) return as(byCommand, 'watched-command');
  const [newest] = answering;
  return newest ? as(newest, answering.length === 1 ? 'only-web-server' : 'newest-web-server') : null;
}
