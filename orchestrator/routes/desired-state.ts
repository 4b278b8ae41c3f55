/**
 * Decides whether a student's link is desired. A pure function of the observed facts and of a memory that is kept
 * on disk, so that a restart of the daemon changes no link.
 */
import type { LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import { isPublicWebServer } from '../protocol/listener-purpose.ts';
import type { Report } from '../protocol/messages.ts';
import { nextTokenAt, type RateLimit, tryTake } from '../token-bucket.ts';

/**
 * How often one student's links may open. Opening and closing cost calls at the edge, and all students share its
 * budget: one environment whose reports flap must not use it up.
 */
export const OPENING_LIMIT: RateLimit = { burst: 20, refillMs: 10_000 };

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
export interface LinkMemory {
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
  /** State of the token bucket that `OPENING_LIMIT` describes. */
  tokensFullAt: number;
  /** When a link that `OPENING_LIMIT` keeps closed will open; null if none is kept closed. */
  rateLimitedUntil: number | null;
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
  rateLimitedUntil: null,
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

/** Keeps closed what was opened too often. Links that open together cost one token. */
function limitRate(memory: LinkMemory, before: LinkMemory, now: number): LinkMemory {
  const opensLink = memory.desired && !before.desired;
  const previousPorts = before.desired ? before.additionalPorts : [];
  const opensAdditional =
    memory.desired && memory.additionalPorts.some((port) => !previousPorts.includes(port));
  const next: LinkMemory = { ...memory, rateLimitedUntil: null };
  if (!opensLink && !opensAdditional) return next;
  const taken = tryTake(next.tokensFullAt, 1, OPENING_LIMIT, now);
  // The instructor's `open` is never limited. It covers the own link only: the student decides on additional ones.
  const tokensFullAt = taken ?? (opensLink && next.override === 'open' ? next.tokensFullAt : null);
  if (tokensFullAt !== null) return { ...next, tokensFullAt };
  next.rateLimitedUntil = nextTokenAt(next.tokensFullAt, OPENING_LIMIT, now);
  if (opensLink) return { ...next, desired: false, reason: 'rate-limited' };
  return { ...next, additionalPorts: next.additionalPorts.filter((port) => previousPorts.includes(port)) };
}

/** When time alone may change the result: ms since 1970, null for never. */
function nextDeadline(memory: LinkMemory, now: number): number | null {
  const deadlines = [memory.graceUntil, memory.starting?.until ?? null, memory.rateLimitedUntil];
  const ahead = deadlines.filter((deadline): deadline is number => deadline !== null && deadline > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

/** Why the rate limit keeps a link closed; null if it keeps none closed. */
export function rateLimitProblem({ rateLimitedUntil, desired }: LinkMemory): Problem | null {
  if (rateLimitedUntil === null) return null;
  const waitSeconds = OPENING_LIMIT.refillMs / 1000;
  return {
    code: 'rate-limited',
    what: `${desired ? 'An additional' : 'The'} link was opened and closed too often. It opens automatically within ${waitSeconds} s.`,
    next: desired
      ? "There is nothing to do; the student's own link is not affected."
      : 'Leave a terminal open: while a session is open, a server that stops or restarts keeps its link.',
    until: new Date(rateLimitedUntil).toISOString(),
  };
}

/** The next memory, and when to evaluate again although no fact has changed. Leaves `memory` unchanged. */
export function evaluate(
  memory: LinkMemory,
  facts: Facts,
  rules: LinkRules,
  now: number,
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
  next = limitRate({ ...next, ...desiredFrom(next, facts, rules, now) }, memory, now);
  if (next.desired && !memory.desired) next.openings += 1;
  if (next.desired)
    next.reservedPorts = portsToReserve(next.additionalPorts, next.reservedPorts, rules.links - 1);
  if (next.desired !== memory.desired || next.reason !== memory.reason) next.since = now;
  return { memory: next, evaluateAgainAt: nextDeadline(next, now) };
}
