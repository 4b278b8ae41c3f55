/**
 * What a student is told, and when: a pure function from what was said and what is so to the lines that are due.
 * Its memory is kept on disk, so that a restart of the daemon says nothing twice.
 */
import type { Notice, Report } from '../agents/protocol.ts';
import type { RouteReason } from '../api/contract.ts';
import type { Problem } from '../errors.ts';

export interface NoticeMemory {
  /** The opening and typed command for which `live at …` was said last. */
  live: string | null;
  /** The newest typed command that was seen; typing it again earns a new `live at …`. */
  starting: string | null;
  /** The problem that was told last; null once it is over, so that its return is told again. */
  problem: string | null;
  /** Until when that problem was said to last, ISO 8601; null where that was not known. */
  problemUntil: string | null;
  reason: RouteReason | null;
  /** Highest id given out; ids rise for the whole life of the student. */
  lastId: number;
}

export const noNotices: NoticeMemory = {
  live: null,
  starting: null,
  problem: null,
  problemUntil: null,
  reason: null,
  lastId: 0,
};

/** What is so now, as far as a student may care. */
export interface Situation {
  url: string;
  live: boolean;
  /** Counts the openings of the route. */
  opening: number;
  reason: RouteReason;
  problem: Problem | null;
  report: Pick<Report, 'sessions' | 'service' | 'starting'> | null;
  /** Seconds that a typed command had to listen. */
  startingSeconds: number;
}

type Line = Omit<Notice, 'id'>;

function closedLine(before: RouteReason | null, situation: Situation): Line | null {
  if (before === situation.reason) return null;
  if (situation.reason === 'closed-by-instructor') {
    return {
      kind: 'closed',
      text: 'your link was closed by your instructor; a new session opens it again',
    };
  }
  if (before === 'starting' && situation.reason === 'no-service') {
    const text = `nothing listened within ${situation.startingSeconds} s, so your link is closed; start your server again to open it`;
    return { kind: 'closed', text };
  }
  return null;
}

/** A wait that ends when it was said to is no news, though what is left of it is another figure by now. In ms. */
const SAME_WAIT = 2000;

function isKnown(memory: NoticeMemory, { what, until }: Problem): boolean {
  if (memory.problem === what) return true;
  if (until === undefined || !memory.problemUntil) return false;
  return Date.parse(until) <= Date.parse(memory.problemUntil) + SAME_WAIT;
}

function problemLine(memory: NoticeMemory, problem: Problem | null): Line | null {
  if (problem === null || isKnown(memory, problem)) return null;
  return {
    kind: 'problem',
    text: `not public yet: ${problem.what} ${problem.next}`,
  };
}

/**
 * The lines that are due, oldest first, and the memory with which to ask the next time. Nobody in (no session):
 * nothing is said and nothing forgotten.
 */
export function dueNotices(
  memory: NoticeMemory,
  situation: Situation,
): { memory: NoticeMemory; notices: Notice[] } {
  const { report } = situation;
  const starting = report?.starting.at(-1)?.id ?? memory.starting;
  const next: NoticeMemory = { ...memory, starting, reason: situation.reason };
  if (report === null || report.sessions.length === 0) return { memory: next, notices: [] };

  const lines: Line[] = [];
  const closed = closedLine(memory.reason, situation);
  if (closed) lines.push(closed);
  const problem = problemLine(memory, situation.problem);
  if (problem) lines.push(problem);
  if (problem !== null || situation.problem === null) {
    next.problem = situation.problem?.what ?? null;
    next.problemUntil = situation.problem?.until ?? null;
  }

  const occasion = `${situation.opening}/${starting ?? ''}`;
  if (situation.live && report.service !== null && memory.live !== occasion) {
    lines.push({ kind: 'live', text: `live at ${situation.url}` });
    next.live = occasion;
  }
  const notices = lines.map((line, index) => ({
    ...line,
    id: memory.lastId + index + 1,
  }));
  next.lastId += notices.length;
  return { memory: next, notices };
}
