/**
 * Whether a route is wanted: the design's table as a pure function. What was so is its memory (kept on disk, so
 * that a restart of the daemon changes nothing), what is so are the facts.
 */
import type { LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { Report } from '../protocol/messages.ts';
import { nextTokenAt, type RateLimit, tryTake } from '../token-bucket.ts';

/**
 * How often one student's links may be opened. Each opening and closing are calls at the edge, of which all students
 * share a budget: one whose reports flap would use it up for everybody.
 */
export const OPENINGS: RateLimit = { burst: 20, refillMs: 10_000 };

export interface Facts {
  /** Whether the environment runs. */
  running: boolean;
  /** The newest report; null where none has come since the daemon or the environment started. */
  report: Pick<Report, 'sessions' | 'service' | 'starting' | 'lastSessionEnd' | 'listeners'> | null;
  /** How long the agent has been silent, in ms. */
  silentMs: number;
}

/** What the settings say: times in seconds. */
export interface Rules {
  grace: number;
  starting: number;
  lease: number;
  /** Links of one student at once. */
  links: number;
}

export interface Memory {
  wanted: boolean;
  reason: LinkReason;
  /** When `wanted` or `reason` last changed; ms since 1970. */
  since: number;
  /** How often the route has been opened. */
  openings: number;
  /** Ids of the sessions at the last look. */
  sessions: string[];
  /** Something has listened while these sessions lived. */
  served: boolean;
  /** The newest typed command, and until when something may begin to listen for it. */
  starting: { id: string; until: number } | null;
  /** Until when a lost session may come back. */
  graceUntil: number | null;
  /** Ports besides the service's that have a link of their own. */
  ports: number[];
  /** Ports whose link was wanted, the last one first: they keep it, open or not, as far as there may be so many. */
  linked: number[];
  /** The instructor's word: `open` until the next session ends, `close` until the next one begins. */
  override: 'open' | 'close' | null;
  /** Until when the openings are paid back, see `OPENINGS`. */
  paidAt: number;
  /** Something would be open, but was opened too often: when it will be, ms since 1970. */
  heldUntil: number | null;
}

export const freshMemory = (now: number): Memory => ({
  wanted: false,
  reason: 'nobody',
  since: now,
  openings: 0,
  sessions: [],
  served: false,
  starting: null,
  graceUntil: null,
  ports: [],
  linked: [],
  override: null,
  paidAt: 0,
  heldUntil: null,
});

/** Which ports keep their link: those that are wanted, then those that were; whoever was so longest ago makes room. */
export const lastWanted = (wanted: readonly number[], linked: readonly number[], most: number): number[] =>
  [...new Set([...wanted, ...linked])].slice(0, most);

/** What the sessions' coming and going changes. */
function followSessions(
  memory: Memory,
  report: NonNullable<Facts['report']>,
  rules: Rules,
  now: number,
): Memory {
  const sessions = report.sessions.map((session) => session.id);
  const begun = sessions.some((id) => !memory.sessions.includes(id));
  const ended = memory.sessions.some((id) => !sessions.includes(id));
  const next: Memory = { ...memory, sessions };
  if (begun && next.override === 'close') next.override = null;
  if (ended && next.override === 'open') next.override = null;
  if (sessions.length > 0) return { ...next, graceUntil: null };
  if (memory.sessions.length > 0) {
    // Left: closed at once. Lost, or unknown: whoever lost it may come back and find the link as it was.
    const left = report.lastSessionEnd?.kind === 'exited';
    next.graceUntil = left ? null : now + (rules.grace - (report.lastSessionEnd?.ageSeconds ?? 0)) * 1000;
  }
  if (next.graceUntil !== null && next.graceUntil <= now) next.graceUntil = null;
  if (next.graceUntil === null) return { ...next, served: false, starting: null };
  return next;
}

/**
 * Which further ports get a link: those that serve now, else those that did, since servers restart; the earliest
 * first. None while nothing has been served.
 */
function followPorts(memory: Memory, report: NonNullable<Facts['report']>, rules: Rules): Memory {
  if (!memory.served) return { ...memory, ports: [] };
  const serving = report.listeners
    .filter((each) => each.isPublic && (each.speaks === 'http' || each.speaks === 'https'))
    .map(({ port }) => port);
  const had = memory.ports;
  const ordered = [...had.filter((port) => serving.includes(port)), ...serving, ...had];
  const others = ordered.filter((port) => port !== report.service?.port);
  return { ...memory, ports: [...new Set(others)].slice(0, rules.links - 1) };
}

/** What was opened too often stays closed, the link as well as further ones; those that come together are one opening. */
function damp(memory: Memory, before: Memory, now: number): Memory {
  const opens = memory.wanted && !before.wanted;
  const had = before.wanted ? before.ports : [];
  const adds = memory.wanted && memory.ports.some((port) => !had.includes(port));
  const next: Memory = { ...memory, heldUntil: null };
  if (!opens && !adds) return next;
  const paidAt = tryTake(next.paidAt, 1, OPENINGS, now);
  // The instructor's word on the link counts, whatever the student did; further links are the student's doing.
  const paid = paidAt ?? (opens && next.override === 'open' ? next.paidAt : null);
  if (paid !== null) return { ...next, paidAt: paid };
  next.heldUntil = nextTokenAt(next.paidAt, OPENINGS, now);
  if (opens) return { ...next, wanted: false, reason: 'too-often' };
  return { ...next, ports: next.ports.filter((port) => had.includes(port)) };
}

/** A typed command is new once; its time runs from when it was typed. */
function followStarting(
  memory: Memory,
  report: NonNullable<Facts['report']>,
  rules: Rules,
  now: number,
): Memory {
  const newest = report.starting.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
  if (newest === undefined || newest.id === memory.starting?.id) return memory;
  return { ...memory, starting: { id: newest.id, until: now + (rules.starting - newest.ageSeconds) * 1000 } };
}

function verdict(
  memory: Memory,
  facts: Facts,
  rules: Rules,
  now: number,
): { wanted: boolean; reason: LinkReason } {
  if (!facts.running) return { wanted: false, reason: 'stopped' };
  if (facts.silentMs >= rules.lease * 1000) return { wanted: false, reason: 'silent' };
  if (memory.override === 'close') return { wanted: false, reason: 'closed-by-instructor' };
  const otherwise = (reason: LinkReason) =>
    memory.override === 'open'
      ? ({ wanted: true, reason: 'instructor' } as const)
      : { wanted: false, reason };
  if (memory.sessions.length === 0) {
    if (memory.graceUntil !== null && memory.served) return { wanted: true, reason: 'grace' };
    return otherwise('nobody');
  }
  if (memory.served) return { wanted: true, reason: 'serving' };
  if (memory.starting !== null && now < memory.starting.until) return { wanted: true, reason: 'starting' };
  return otherwise('no-service');
}

/** When the verdict may change though no fact does: ms since 1970, null for never. */
function nextLook(memory: Memory, now: number): number | null {
  const moments = [memory.graceUntil, memory.starting?.until ?? null, memory.heldUntil];
  const ahead = moments.filter((moment): moment is number => moment !== null && moment > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

/** Why something stays closed that would be open, in words; null where nothing does. */
export function heldProblem({ heldUntil, wanted }: Memory): Problem | null {
  if (heldUntil === null) return null;
  return {
    code: 'rate-limited',
    what: `${wanted ? 'A further' : 'The'} link was opened and closed too often; it opens by itself within ${OPENINGS.refillMs / 1000} s.`,
    next: wanted
      ? 'There is nothing to do; the own link is not concerned.'
      : 'Leave a terminal open: while somebody is in, a server that ends or restarts keeps its link.',
    until: new Date(heldUntil).toISOString(),
  };
}

/** Looks at the facts. Pure: the same input gives the same output; `memory` is left as it is. */
export function decide(
  memory: Memory,
  facts: Facts,
  rules: Rules,
  now: number,
): { memory: Memory; nextLookAt: number | null } {
  let next: Memory = { ...memory };
  if (!facts.running) {
    const override = next.override === 'open' ? null : next.override;
    // Who was in when the instructor closed may be in again, after a pause of the container: that begins nothing.
    const sessions = override === 'close' ? next.sessions : [];
    next = { ...next, sessions, served: false, starting: null, graceUntil: null, ports: [], override };
  } else if (facts.report !== null) {
    next = followStarting(followSessions(next, facts.report, rules, now), facts.report, rules, now);
    if (facts.report.service !== null && next.sessions.length > 0) next.served = true;
    next = followPorts(next, facts.report, rules);
  } else if (memory.reason !== 'stopped' && facts.silentMs < rules.lease * 1000) {
    // Nothing was heard yet since the daemon started: what was so is so, within the lease.
    return { memory: next, nextLookAt: nextLook(next, now) };
  }
  next = damp({ ...next, ...verdict(next, facts, rules, now) }, memory, now);
  if (next.wanted && !memory.wanted) next.openings += 1;
  if (next.wanted) next.linked = lastWanted(next.ports, next.linked, rules.links - 1);
  if (next.wanted !== memory.wanted || next.reason !== memory.reason) next.since = now;
  return { memory: next, nextLookAt: nextLook(next, now) };
}
