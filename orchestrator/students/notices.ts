/**
 * What a student is told, and when: a pure function from what was said and what is so to the lines that are due.
 * Its memory is kept on disk, so that a restart of the daemon says nothing twice. With a server that just starts,
 * that is one line, `live at …`; everything else is for what a student would otherwise not understand.
 */
import type { LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { Notice } from '../protocol/messages.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';
import { closedLine, memoryLine, problemLine, slowLine, waitingLine } from './notice-texts.ts';
import { followService, type ServiceMemory } from './service-notices.ts';
import type { Situation } from './situation.ts';

export interface NoticeMemory extends ServiceMemory {
  /** The opening and typed command for which `live at …` was said last. */
  live: string | null;
  /** The server of which it was said: port and process. */
  server: string | null;
  /** The newest typed command that was seen; typing it again earns a new `live at …`. */
  starting: string | null;
  /** When that was typed; ms since 1970. */
  startingAt: number;
  /** The typed command of which it was said that it takes long. */
  slow: string | null;
  /** The opening of which it was said that it waits. */
  waiting: number | null;
  /** The problem that was told last; null once it is over, so that its return is told again. */
  problem: string | null;
  /** Until when that problem was said to last, ISO 8601; null where that was not known. */
  problemUntil: string | null;
  /** When the kill for memory happened that was told last; ms since 1970. */
  memoryKill: number;
  reason: LinkReason | null;
  /** Highest id given out; ids rise for the whole life of the student. */
  lastId: number;
  /** Until when what was said is paid back, see `PACE`. */
  paidAt: number;
}

export const noNotices: NoticeMemory = {
  live: null,
  server: null,
  starting: null,
  startingAt: 0,
  slow: null,
  waiting: null,
  problem: null,
  problemUntil: null,
  memoryKill: 0,
  told: null,
  changing: null,
  seen: [],
  others: [],
  reason: null,
  lastId: 0,
  paidAt: 0,
};

/**
 * Lines that one student may be told. Whoever is honest is told far fewer, and one look never finds as many as may
 * be told at once; a socket that reports another port twenty times a second would fill the terminals and the daemon.
 */
const PACE: RateLimit = { burst: 20, refillMs: 5000 };

/** The same command may be seen as typed and as a process, a moment apart, in ms. */
const SAME_START = 1000;

/** Which typed command is the newest: one that ends does not make an older one new again. */
function followStarting(memory: NoticeMemory, { report, now }: Situation): NoticeMemory {
  const newest = report?.starting.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
  if (newest === undefined || newest.id === memory.starting) return memory;
  const startingAt = now - newest.ageSeconds * 1000;
  if (startingAt < memory.startingAt + SAME_START) return memory;
  return { ...memory, starting: newest.id, startingAt };
}

/** A wait that ends when it was said to is no news, though what is left of it is another figure by now. In ms. */
const SAME_WAIT = 2000;

function isKnown(memory: NoticeMemory, { what, until }: Problem): boolean {
  if (memory.problem === what) return true;
  if (until === undefined || !memory.problemUntil) return false;
  return Date.parse(until) <= Date.parse(memory.problemUntil) + SAME_WAIT;
}

/** What a problem changes: a line where it is news, and the memory of it. */
function followProblem(memory: NoticeMemory, situation: Situation) {
  const { problem } = situation;
  const line = problemLine(situation);
  if (problem === null || line === null)
    return { line: null, memory: { ...memory, problem: null, problemUntil: null } };
  if (isKnown(memory, problem)) return { line: null, memory };
  return { line, memory: { ...memory, problem: problem.what, problemUntil: problem.until ?? null } };
}

/** Port and process of what the link leads to. */
function serverOf({ service, listeners }: NonNullable<Situation['report']>): string | null {
  if (service === null) return null;
  return `${service.port}/${listeners.find(({ port }) => port === service.port)?.process ?? ''}`;
}

/**
 * The lines that are due, oldest first, and the memory with which to ask the next time. Nobody in (no session):
 * nothing is said and nothing forgotten. Too much said of late: nothing is said and nothing remembered, so that a
 * later look finds what is still to be told.
 */
export function dueNotices(
  memory: NoticeMemory,
  situation: Situation,
): { memory: NoticeMemory; notices: Notice[] } {
  const { report } = situation;
  let next: NoticeMemory = { ...followStarting(memory, situation), reason: situation.reason };
  if (report === null || report.sessions.length === 0) return { memory: next, notices: [] };

  const lines: (Omit<Notice, 'id'> | null)[] = [];
  lines.push(closedLine(memory.reason, situation));
  const problem = followProblem(next, situation);
  next = problem.memory;
  lines.push(problem.line);
  if (situation.memoryKill !== null && situation.memoryKill.at > memory.memoryKill) {
    lines.push(memoryLine(situation.memoryKill));
    next.memoryKill = situation.memoryKill.at;
  }
  const slow = next.slow === next.starting ? null : slowLine(situation, next.starting);
  if (slow) next.slow = next.starting;
  const waiting = next.waiting === situation.opening ? null : waitingLine(situation);
  if (waiting) next.waiting = situation.opening;
  lines.push(slow, waiting);

  const occasion = `${situation.opening}/${next.starting ?? ''}`;
  const server = serverOf(report);
  // A command that was typed earns the line with its own server, not with one that serves still.
  const isOther = memory.server !== server || !memory.live?.startsWith(`${situation.opening}/`);
  const isNew = situation.live && server !== null && memory.live !== occasion && isOther;
  // One that restarts by itself is the same one.
  if (isNew || (server !== null && memory.live === occasion)) next = { ...next, live: occasion, server };
  if (situation.live) {
    const followed = followService(next, report, { ...situation, isNew });
    next = { ...next, ...followed.memory };
    lines.push(...followed.lines);
  }
  const notices = lines
    .filter((line) => line !== null)
    .map((line, index) => ({ ...line, id: memory.lastId + index + 1 }));
  const paidAt =
    notices.length === 0 ? next.paidAt : tryTake(next.paidAt, notices.length, PACE, situation.now);
  if (paidAt === null) return { memory, notices: [] };
  return { memory: { ...next, paidAt, lastId: memory.lastId + notices.length }, notices };
}
