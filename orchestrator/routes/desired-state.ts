/**
 * Decides whether a student's link is desired. A pure function of the observed facts and of a memory that is kept
 * on disk, so that a restart of the daemon changes no link.
 */
import type { LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import { isPublicWebServer } from '../protocol/listener-purpose.ts';
import type { Report } from '../protocol/messages.ts';
import { OPENING_LIMIT, type OpeningBuckets, type TakeShared, takeOpening } from './opening-limits.ts';

export { OPENING_LIMIT } from './opening-limits.ts';

/** What was observed of one student. */
export interface Facts {
  /** Whether the environment runs. */
  running: boolean;
  /** The newest report; null if none has arrived since the daemon or the environment started. */
  report: Pick<Report, 'sessions' | 'service' | 'starting' | 'lastSessionEnd' | 'listeners'> | null;
  /** Time since the agent's last heartbeat. */
  silentMs: number;
}

/** The settings that decide: times in seconds. */
export interface LinkRules {
  grace: number;
  starting: number;
  lease: number;
  /** Highest number of links per student, the student's own included. */
  links: number;
}

/** What is remembered of one student's link. Times are in ms since 1970. */
export interface LinkMemory extends OpeningBuckets {
  desired: boolean;
  reason: LinkReason;
  /** When `desired` or `reason` last changed. */
  since: number;
  /** How often the link has been opened. */
  openings: number;
  /** Ids of the sessions at the last evaluation. */
  sessions: string[];
  /** Whether a service has listened during these sessions. */
  hasServed: boolean;
  /** The newest watched command, and the deadline for its server to listen. */
  starting: { id: string; until: number } | null;
  /** End of the grace period in which a lost session may return. */
  graceUntil: number | null;
  /** Ports besides the service's that have a link of their own. */
  additionalPorts: number[];
  /** Ports whose additional link was desired, most recent first. Each keeps its hostname, open or not. */
  reservedPorts: number[];
  /** The instructor's override: `open` lasts until the next session ends, `close` until the next one begins. */
  override: 'open' | 'close' | null;
  /** When a link that was opened too often will open; null if none is kept closed. */
  rateLimitedUntil: number | null;
  /** How long it has to wait in all, in s. */
  rateLimitSeconds: number;
}

/** The memory of a student who is new. */
export const initialMemory = (now: number): LinkMemory => ({
  desired: false,
  reason: 'no-session',
  since: now,
  openings: 0,
  sessions: [],
  hasServed: false,
  starting: null,
  graceUntil: null,
  additionalPorts: [],
  reservedPorts: [],
  override: null,
  tokensFullAt: 0,
  ordinaryFullAt: 0,
  rateLimitedUntil: null,
  rateLimitSeconds: 0,
});

/** Which ports keep a hostname: the desired ones, then the most recently desired, at most `limit`. */
export const portsToReserve = (
  desired: readonly number[],
  reserved: readonly number[],
  limit: number,
): number[] => [...new Set([...desired, ...reserved])].slice(0, limit);

/** Applies the beginning and the end of sessions. */
function updateSessions(
  memory: LinkMemory,
  report: NonNullable<Facts['report']>,
  rules: LinkRules,
  now: number,
): LinkMemory {
  const sessions = report.sessions.map((session) => session.id);
  const hasBegun = sessions.some((id) => !memory.sessions.includes(id));
  const hasEnded = memory.sessions.some((id) => !sessions.includes(id));
  const next: LinkMemory = { ...memory, sessions };
  if (hasBegun && next.override === 'close') next.override = null;
  if (hasEnded && next.override === 'open') next.override = null;
  if (sessions.length > 0) return { ...next, graceUntil: null };
  if (memory.sessions.length > 0) {
    // `exit` closes at once. After a lost or unknown end the student may return and find the link unchanged.
    const hasExited = report.lastSessionEnd?.kind === 'exited';
    next.graceUntil = hasExited
      ? null
      : now + (rules.grace - (report.lastSessionEnd?.ageSeconds ?? 0)) * 1000;
  }
  if (next.graceUntil !== null && next.graceUntil <= now) next.graceUntil = null;
  if (next.graceUntil === null) return { ...next, hasServed: false, starting: null };
  return next;
}

/** Remembers a newly typed command. Its deadline counts from the moment it was typed. */
function updateStarting(
  memory: LinkMemory,
  report: NonNullable<Facts['report']>,
  rules: LinkRules,
  now: number,
): LinkMemory {
  const newest = report.starting.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
  if (newest === undefined || newest.id === memory.starting?.id) return memory;
  return { ...memory, starting: { id: newest.id, until: now + (rules.starting - newest.ageSeconds) * 1000 } };
}

/**
 * Chooses the ports of the additional links: those that serve now, then those that did, since servers restart. The
 * longest-standing come first. There are none before the session has served anything.
 */
function updateAdditionalPorts(
  memory: LinkMemory,
  report: NonNullable<Facts['report']>,
  rules: LinkRules,
): LinkMemory {
  if (!memory.hasServed) return { ...memory, additionalPorts: [] };
  const serving = report.listeners.filter(isPublicWebServer).map(({ port }) => port);
  const previous = memory.additionalPorts;
  const ordered = [...previous.filter((port) => serving.includes(port)), ...serving, ...previous];
  const others = ordered.filter((port) => port !== report.service?.port);
  return { ...memory, additionalPorts: [...new Set(others)].slice(0, rules.links - 1) };
}

/** Whether the link is desired, and why. Earlier checks take precedence. */
function desiredFrom(
  memory: LinkMemory,
  facts: Facts,
  rules: LinkRules,
  now: number,
): Pick<LinkMemory, 'desired' | 'reason'> {
  if (!facts.running) return { desired: false, reason: 'stopped' };
  if (facts.silentMs >= rules.lease * 1000) return { desired: false, reason: 'agent-silent' };
  if (memory.override === 'close') return { desired: false, reason: 'closed-by-instructor' };
  const closedUnlessOverridden = (reason: LinkReason) =>
    memory.override === 'open'
      ? ({ desired: true, reason: 'instructor' } as const)
      : { desired: false, reason };
  if (memory.sessions.length === 0) {
    if (memory.graceUntil !== null && memory.hasServed) return { desired: true, reason: 'grace' };
    return closedUnlessOverridden('no-session');
  }
  if (memory.hasServed) return { desired: true, reason: 'serving' };
  if (memory.starting !== null && now < memory.starting.until) return { desired: true, reason: 'starting' };
  return closedUnlessOverridden('no-service');
}

/** The wait that began with an earlier evaluation counts from there. */
function waitUntil(until: number, before: LinkMemory, now: number) {
  if (until === before.rateLimitedUntil)
    return { rateLimitedUntil: until, rateLimitSeconds: before.rateLimitSeconds };
  const seconds = Math.max(OPENING_LIMIT.refillMs, until - now) / 1000;
  return { rateLimitedUntil: until, rateLimitSeconds: Math.ceil(seconds) };
}

/** Keeps closed what was opened too often. Links that open together cost one token. */
function limitRate(memory: LinkMemory, before: LinkMemory, takeShared: TakeShared, now: number): LinkMemory {
  const opensLink = memory.desired && !before.desired;
  const previousPorts = before.desired ? before.additionalPorts : [];
  const opensAdditional =
    memory.desired && memory.additionalPorts.some((port) => !previousPorts.includes(port));
  const next: LinkMemory = { ...memory, rateLimitedUntil: null };
  if (!opensLink && !opensAdditional) return next;
  const taken = takeOpening(next, takeShared, now);
  if (typeof taken !== 'number') return { ...next, ...taken };
  // The instructor's `open` is never limited. It covers the own link only: the student decides on additional ones.
  if (opensLink && next.override === 'open') return next;
  const limited = { ...next, ...waitUntil(taken, before, now) };
  if (opensLink) return { ...limited, desired: false, reason: 'rate-limited' };
  return {
    ...limited,
    additionalPorts: next.additionalPorts.filter((port) => previousPorts.includes(port)),
  };
}

/** When time alone may change the result: ms since 1970, null for never. */
function nextDeadline(memory: LinkMemory, now: number): number | null {
  const deadlines = [memory.graceUntil, memory.starting?.until ?? null, memory.rateLimitedUntil];
  const ahead = deadlines.filter((deadline): deadline is number => deadline !== null && deadline > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

/** Why the rate limit keeps a link closed; null if it keeps none closed. */
export function rateLimitProblem({
  rateLimitedUntil,
  rateLimitSeconds,
  desired,
}: LinkMemory): Problem | null {
  if (rateLimitedUntil === null) return null;
  return {
    code: 'rate-limited',
    what: `${desired ? 'An additional' : 'The'} link was opened and closed too often. It opens automatically within ${rateLimitSeconds} s.`,
    next: desired
      ? "There is nothing to do; the student's own link is not affected."
      : 'Leave a terminal open: while a session is open, a server that stops or restarts keeps its link.',
    until: new Date(rateLimitedUntil).toISOString(),
  };
}

/**
 * The next memory, and when to evaluate again although no fact has changed. Leaves `memory` unchanged. `takeShared` is
 * called where the link opens more often than in ordinary use.
 */
export function evaluate(
  memory: LinkMemory,
  facts: Facts,
  rules: LinkRules,
  now: number,
  takeShared: TakeShared = () => null,
): { memory: LinkMemory; evaluateAgainAt: number | null } {
  let next: LinkMemory = { ...memory };
  if (!facts.running) {
    const override = next.override === 'open' ? null : next.override;
    // After a pause of the container, sessions that were open when the instructor closed the link are not new.
    const sessions = override === 'close' ? next.sessions : [];
    const none = { hasServed: false, starting: null, graceUntil: null, additionalPorts: [] };
    next = { ...next, ...none, sessions, override };
  } else if (facts.report !== null) {
    next = updateStarting(updateSessions(next, facts.report, rules, now), facts.report, rules, now);
    if (facts.report.service !== null && next.sessions.length > 0) next.hasServed = true;
    next = updateAdditionalPorts(next, facts.report, rules);
  } else if (memory.reason !== 'stopped' && facts.silentMs < rules.lease * 1000) {
    // The daemon has restarted and no report has arrived yet: everything stays as it was.
    return { memory: next, evaluateAgainAt: nextDeadline(next, now) };
  }
  next = limitRate({ ...next, ...desiredFrom(next, facts, rules, now) }, memory, takeShared, now);
  if (next.desired && !memory.desired) next.openings += 1;
  if (next.desired)
    next.reservedPorts = portsToReserve(next.additionalPorts, next.reservedPorts, rules.links - 1);
  if (next.desired !== memory.desired || next.reason !== memory.reason) next.since = now;
  return { memory: next, evaluateAgainAt: nextDeadline(next, now) };
}
