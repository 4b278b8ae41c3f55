/** What a student's messages are made from. */
import type { LinkPhase, LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { Notice, Report } from '../protocol/messages.ts';

export type Line = Omit<Notice, 'id'>;

/** The kernel has killed something of the student's for memory. */
export interface MemoryKill {
  /** Milliseconds since 1970. */
  at: number;
  limitBytes: number;
  peakBytes: number | null;
}

/** What is so now, as far as a student may care. */
export interface Situation {
  /** Milliseconds since 1970. */
  now: number;
  url: string;
  phase: LinkPhase;
  /** Further links that are live, by port, and how many links there may be in all. */
  links: ReadonlyMap<number, string>;
  mostLinks: number;
  live: boolean;
  /** Counts the openings of the route. */
  opening: number;
  reason: LinkReason;
  /** When phase or reason last changed; ms since 1970. */
  since: number;
  /** Students whose links are being changed while this one waits. */
  behind: readonly string[];
  problem: Problem | null;
  report: Pick<Report, 'sessions' | 'service' | 'starting' | 'listeners'> | null;
  /** Seconds that a typed command had to listen. */
  startingSeconds: number;
  memoryKill: MemoryKill | null;
}
