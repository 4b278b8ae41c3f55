/**
 * Decides which notices are due for a student. A pure function of the situation and of a memory that is kept on disk,
 * so that a restart of the daemon repeats nothing. A server that starts normally causes one line, `live at …`;
 * every other notice explains something that the student could not understand otherwise.
 */
import type { LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import { HOME_NEARLY_FULL } from '../protocol/constants.ts';
import type { Notice } from '../protocol/messages.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';
import {
  closedLine,
  HOME_FULL,
  homeLine,
  type Line,
  memoryLine,
  networkLine,
  notPublicLine,
  problemLine,
  type Situation,
  slowLine,
  waitingLine,
} from './notice-texts.ts';
import { followService, LASTING_MS, type ServiceMemory } from './service-notices.ts';

/** A debugger, database or admin page that is the only listener, as PORT/PROCESS, and since when; ms since 1970. */
interface HiddenListener {
  server: string;
  since: number;
  isMentioned: boolean;
}

export interface NoticeMemory extends ServiceMemory {
  /** The opening and watched command of the last `live at …`, as OPENING/ID. */
  announcedFor: string | null;
  /** The server of the last `live at …`, as PORT/PROCESS. */
  announcedServer: string | null;
  /** The newest watched command. Typing it again causes a new `live at …`. */
  startingId: string | null;
  /** When that was typed; ms since 1970. */
  startingAt: number;
  /** The watched command whose slow start was mentioned. */
  slowStartId: string | null;
  /** The opening whose wait was mentioned. */
  waitingOpening: number | null;
  /** The problem that was last mentioned; null once it is over, so that its return is mentioned again. */
  problem: string | null;
  /** When that problem was expected to end, ISO 8601; null if unknown. */
  problemUntil: string | null;
  /** When the last mentioned out-of-memory kill happened; ms since 1970. */
  memoryKillAt: number;
  /** Whether a disconnected network was mentioned and is not over. */
  isDisconnected: boolean;
  /** The listener that is not public although no server is; null without one. */
  hiddenListener: HiddenListener | null;
  /** How full the home was when that was last mentioned; null while it is not nearly full. */
  mentionedHome: 'nearly-full' | 'full' | null;
  /** The link's reason at the last call. */
  reason: LinkReason | null;
  /** Highest id so far. Ids rise for the whole life of the student. */
  lastId: number;
  /** State of the token bucket that `NOTICE_LIMIT` describes. */
  tokensFullAt: number;
}

export const initialNoticeMemory: NoticeMemory = {
  announcedFor: null,
  announcedServer: null,
  startingId: null,
  startingAt: 0,
  slowStartId: null,
  waitingOpening: null,
  problem: null,
  problemUntil: null,
  memoryKillAt: 0,
  isDisconnected: false,
  hiddenListener: null,
  mentionedHome: null,
  announcedPort: null,
  portChange: null,
  webServers: [],
  mentionedPorts: [],
  reason: null,
  lastId: 0,
  tokensFullAt: 0,
};

/**
 * Notices for one student. Ordinary work causes far fewer, and one call never more than `burst`; an agent that
 * reports another port twenty times a second must not flood the terminals and the daemon.
 */
const NOTICE_LIMIT: RateLimit = { burst: 20, refillMs: 5000 };

/** The same command may be reported twice, as typed and as a process, this far apart at most. */
const SAME_START_MS = 1000;

/** A home is mentioned again only after it was emptied by this share. */
const HOME_HYSTERESIS = 0.05;

/** A problem whose expected end moved by less is the same problem. */
const SAME_END_MS = 2000;

/** Remembers the newest watched command. If it ends, an older one does not become new again. */
function updateStarting(memory: NoticeMemory, { report, now }: Situation): NoticeMemory {
  const newest = report?.starting.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
  if (newest === undefined || newest.id === memory.startingId) return memory;
  const startingAt = now - newest.ageSeconds * 1000;
  if (startingAt < memory.startingAt + SAME_START_MS) return memory;
  return { ...memory, startingId: newest.id, startingAt };
}

function isMentioned(memory: NoticeMemory, { what, until }: Problem): boolean {
  if (memory.problem === what) return true;
  if (until === undefined || !memory.problemUntil) return false;
  return Date.parse(until) <= Date.parse(memory.problemUntil) + SAME_END_MS;
}

interface Step {
  memory: NoticeMemory;
  lines: Line[];
}

/** Mentions a problem once, until it is over. */
function followProblem(memory: NoticeMemory, situation: Situation): Step {
  const { problem } = situation;
  const line = problemLine(situation);
  if (problem === null || line === null)
    return { memory: { ...memory, problem: null, problemUntil: null }, lines: [] };
  if (isMentioned(memory, problem)) return { memory, lines: [] };
  const problemUntil = problem.until ?? null;
  return { memory: { ...memory, problem: problem.what, problemUntil }, lines: [line] };
}

/** Mentions that the network is disconnected, and that it is connected again. */
function followNetwork(memory: NoticeMemory, { networkProblem }: Situation): Step {
  const isDisconnected = networkProblem !== null;
  if (isDisconnected === memory.isDisconnected) return { memory, lines: [] };
  return { memory: { ...memory, isDisconnected }, lines: [networkLine(!isDisconnected)] };
}

/** Mentions each out-of-memory kill once. */
function followMemoryKill(memory: NoticeMemory, { memoryKill }: Situation): Step {
  if (memoryKill === null || memoryKill.at <= memory.memoryKillAt) return { memory, lines: [] };
  return { memory: { ...memory, memoryKillAt: memoryKill.at }, lines: [memoryLine(memoryKill)] };
}

/** Mentions a home that is nearly full, and again when it is full, with what is largest in it. */
function followHome(memory: NoticeMemory, { home }: Situation): Step {
  if (home === null) return { memory, lines: [] };
  if (home.fullness < HOME_NEARLY_FULL - HOME_HYSTERESIS)
    return { memory: { ...memory, mentionedHome: null }, lines: [] };
  const isFull = home.fullness >= HOME_FULL;
  const isMentioned = memory.mentionedHome === 'full' || (memory.mentionedHome !== null && !isFull);
  if (isMentioned || home.fullness < HOME_NEARLY_FULL || home.largest === null) return { memory, lines: [] };
  return {
    memory: { ...memory, mentionedHome: isFull ? 'full' : 'nearly-full' },
    lines: [homeLine(home, isFull)],
  };
}

/** Mentions each slow start and each slow opening once. */
function followWaits(memory: NoticeMemory, situation: Situation): Step {
  const { startingId } = memory;
  const next = { ...memory };
  const slow = memory.slowStartId === startingId ? null : slowLine(situation, startingId);
  if (slow !== null) next.slowStartId = startingId;
  const waiting = memory.waitingOpening === situation.opening ? null : waitingLine(situation);
  if (waiting !== null) next.waitingOpening = situation.opening;
  return { memory: next, lines: [slow, waiting].filter((line) => line !== null) };
}

/**
 * Mentions a debugger, database or admin page once, where it is all that listens: its student may wait for a link. Not
 * while a command starts: its server may come, and otherwise the line about the slow start mentions it.
 */
function followHiddenListener(memory: NoticeMemory, { report, now }: Situation): Step {
  const listeners = report?.listeners.filter(({ isPublic }) => isPublic) ?? [];
  const hidden = listeners.find(({ purpose }) => purpose === 'debugger' || purpose === 'admin');
  const isAlone = report?.service === null && report.starting.length === 0;
  if (hidden === undefined || !isAlone) return { memory: { ...memory, hiddenListener: null }, lines: [] };
  const server = `${hidden.port}/${hidden.process ?? ''}`;
  const known = memory.hiddenListener;
  const current = known?.server === server ? known : { server, since: now, isMentioned: false };
  const isDue = !current.isMentioned && now - current.since >= LASTING_MS;
  return {
    memory: { ...memory, hiddenListener: { ...current, isMentioned: current.isMentioned || isDue } },
    lines: isDue ? [notPublicLine(hidden)] : [],
  };
}

/** Port and process of the service; null without one. */
function serverOf({ service, listeners }: NonNullable<Situation['report']>): string | null {
  if (service === null) return null;
  return `${service.port}/${listeners.find(({ port }) => port === service.port)?.process ?? ''}`;
}

/** Announces the link and its servers while it is live. */
function followLink(memory: NoticeMemory, situation: Situation): Step {
  const { report, opening, live } = situation;
  if (report === null) return { memory, lines: [] };
  const current = `${opening}/${memory.startingId ?? ''}`;
  const server = serverOf(report);
  // A typed command is announced with its own server, not with one that already served before.
  const isOtherServer = memory.announcedServer !== server || !memory.announcedFor?.startsWith(`${opening}/`);
  const isAnnounced = memory.announcedFor === current;
  const isNew = live && server !== null && !isAnnounced && isOtherServer;
  // A server that restarts without a new command is not announced again.
  const next =
    isNew || (server !== null && isAnnounced)
      ? { ...memory, announcedFor: current, announcedServer: server }
      : memory;
  if (!live) return { memory: next, lines: [] };
  const service = followService(next, report, situation, isNew);
  return { memory: { ...next, ...service.memory }, lines: service.lines };
}

/** In the order in which their lines are shown. */
const steps = [
  followNetwork,
  followProblem,
  followMemoryKill,
  followHome,
  followWaits,
  followHiddenListener,
  followLink,
];

/**
 * The notices that are due, oldest first, and the memory for the next call. Without a session, or above the rate
 * limit, nothing is due and nothing is marked as mentioned: a later call finds it.
 */
export function dueNotices(
  memory: NoticeMemory,
  situation: Situation,
): { memory: NoticeMemory; notices: Notice[] } {
  const { report, reason, now } = situation;
  let next: NoticeMemory = { ...updateStarting(memory, situation), reason };
  if (report === null || report.sessions.length === 0) return { memory: next, notices: [] };
  const closed = closedLine(memory.reason, situation);
  const lines: Line[] = closed === null ? [] : [closed];
  for (const step of steps) {
    const result = step(next, situation);
    next = result.memory;
    lines.push(...result.lines);
  }
  if (lines.length === 0) return { memory: next, notices: [] };
  const tokensFullAt = tryTake(next.tokensFullAt, lines.length, NOTICE_LIMIT, now);
  if (tokensFullAt === null) return { memory, notices: [] };
  const notices = lines.map((line, index) => ({ ...line, id: memory.lastId + index + 1 }));
  return { memory: { ...next, tokensFullAt, lastId: memory.lastId + lines.length }, notices };
}
