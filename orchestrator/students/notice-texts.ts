/** The single lines that a student may be told, each with what to do. Null: there is nothing to say. */
import type { LinkPhase, LinkReason } from '../domain.ts';
import type { ErrorCode, Problem } from '../errors.ts';
import type { Line, MemoryKill, Situation } from './situation.ts';

/** A start is slow, and an opening waits, when it takes longer than this, in ms. */
const SLOW_START = 10_000;
const SLOW_OPENING = 3000;

/** What listens but is no web server, as a database; null where there is none. */
function muteWords(report: Situation['report']): string | null {
  const mute = report?.listeners.find((listener) => listener.isPublic && listener.speaks === 'other');
  return mute ? `port ${mute.port} listens, but does not speak HTTP` : null;
}

export function closedLine(before: LinkReason | null, situation: Situation): Line | null {
  if (before === situation.reason) return null;
  if (situation.reason === 'closed-by-instructor') {
    return {
      kind: 'closed',
      text: 'your link was closed by your instructor; a new session opens it again',
    };
  }
  if (before === 'starting' && situation.reason === 'no-service') {
    const mute = muteWords(situation.report);
    const within = `within ${situation.startingSeconds} s`;
    const why = mute === null ? `nothing listened ${within}` : `no web server ${within} (${mute})`;
    const text = `${why}, so your link is closed; start your server again to open it`;
    return { kind: 'closed', text };
  }
  return null;
}

/** What keeps a link closed, and is worth knowing though it is not wanted, or not yet again. */
const KEEPS_CLOSED: ReadonlySet<ErrorCode> = new Set(['conflict', 'rate-limited']);

/**
 * A problem counts for a student whose link is wanted. From the moment it is not, the environment lets nobody in, so
 * what keeps the edge from closing it is the instructor's.
 */
export function problemLine({ problem, phase, live }: Situation): Line | null {
  if (problem === null || phase === 'closing') return null;
  if (phase === 'closed' && !KEEPS_CLOSED.has(problem.code)) return null;
  const next = problem.nextForStudent ?? problem.next;
  return { kind: 'problem', text: `${troubleOf(problem, phase, live)}: ${problem.what} ${next}` };
}

function troubleOf({ code }: Problem, phase: LinkPhase, live: boolean): string {
  if (phase === 'closed') return "your link can't be opened";
  if (code === 'rate-limited') return 'one of your links waits';
  return phase === 'open' && live ? 'your link may not lead here any more' : 'not public yet';
}

/** `512 MB`: memory is counted in powers of two, and written as people write it. */
function megabytes(bytes: number): string {
  const mega = bytes / 2 ** 20;
  return mega >= 1024 ? `${Math.round(mega / 102.4) / 10} GB` : `${Math.round(mega)} MB`;
}

export function memoryLine({ limitBytes, peakBytes }: MemoryKill): Line {
  const peak = peakBytes === null ? '' : `, the peak was ${megabytes(peakBytes)}`;
  const text = `a program of yours was killed: out of memory (the limit is ${megabytes(limitBytes)}${peak}); end what you don't need and start it again`;
  return { kind: 'problem', text };
}

/** A command that was typed and still runs, but does not listen. */
export function slowLine(
  { report, reason, startingSeconds }: Situation,
  starting: string | null,
): Line | null {
  const running = report?.starting.find(({ id }) => id === starting);
  if (reason !== 'starting' || running === undefined || report?.service) return null;
  if (running.ageSeconds * 1000 < SLOW_START || running.ageSeconds >= startingSeconds) return null;
  const why = muteWords(report) ?? 'nothing listens';
  return { kind: 'waiting', text: `still starting: ${why} so far; your link shows a waiting page meanwhile` };
}

/** The link itself takes long to be made. */
export function waitingLine({ now, since, phase, behind, report }: Situation): Line | null {
  if (phase !== 'opening' || report?.service === null || now - since < SLOW_OPENING) return null;
  return { kind: 'waiting', text: waitingText(behind) };
}

/** For whom a link waits, in words. */
export function waitingText(behind: readonly string[]): string {
  if (behind.length === 0) return 'your link is being opened: waiting for the edge to answer; nothing to do';
  const shown =
    behind.length > 3 ? `${behind.slice(0, 3).join(', ')} and ${behind.length - 3} more` : behind.join(', ');
  return `your link is being opened, together with or after the links of ${shown}; nothing to do`;
}
