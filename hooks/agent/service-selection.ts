/** Which listener the relay leads to. */
import type { Service } from '../../orchestrator/protocol/messages.ts';
import type { SpokenProtocol } from './protocol-probe.ts';

export interface Candidate {
  port: number;
  address: string;
  speaks: SpokenProtocol | null;
  /** False where the shell that started it has no valid PORT. */
  public: boolean;
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
  const open = candidates.filter((candidate) => candidate.public);
  const answering = open
    .filter(({ speaks }) => speaks === 'http' || speaks === 'https')
    .sort((a, b) => a.ageSeconds - b.ageSeconds);
  const as = (candidate: Candidate, because: Service['because']): Service => ({
    port: candidate.port,
    address: candidate.address,
    scheme: candidate.speaks === 'https' ? 'https' : 'http',
    because,
  });
  const byChoice = open.find((candidate) => candidate.port === chosen);
  if (byChoice) return as(byChoice, 'chosen');
  const byPort = open.find((candidate) => candidate.port === port && candidate.speaks !== 'other');
  if (byPort) return as(byPort, 'PORT');
  const byCommand = answering.find((candidate) => candidate.watched);
  if (byCommand) return as(byCommand, 'command');
  const [newest] = answering;
  return newest ? as(newest, answering.length === 1 ? 'answers' : 'newest') : null;
}
