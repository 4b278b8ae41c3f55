/** Runs many schedules side by side: each spends most of its time waiting for timeouts and grace periods. */
import fc from 'fast-check';
import { runSchedule, type ScheduleFigures } from './run-schedule.ts';
import { describeSchedule, type Schedule, schedules } from './schedule.ts';

/** How long smaller versions of a failing schedule are tried. */
const SHRINK_TIMEOUT_MS = 60_000;

export interface Figures extends ScheduleFigures {
  schedules: number;
}

export interface RunSchedulesOptions {
  runs: number;
  seed: number;
  /** Runs only the schedule that a failure named, instead of `runs` of them. */
  path?: string | undefined;
  /** How many run side by side. */
  width: number;
  onProgress?: (figures: Figures) => void;
}

export interface RunSchedulesResult {
  figures: Figures;
  /** The first schedule that failed, as small as it could be made, with all events; null without one. */
  failure: string | null;
}

interface SequenceOptions {
  runs: number;
  seed: number;
  path: string | undefined;
  /** Another sequence has found a failure. */
  isOver: () => boolean;
  onDone: (figures: ScheduleFigures) => void;
}

/** Runs schedules one after the other; resolves to the failure, or null. */
async function runSequence({ runs, seed, path, isOver, onDone }: SequenceOptions): Promise<string | null> {
  let failedAtMs: number | null = null;
  const property = fc.asyncProperty(schedules, async (schedule: Schedule) => {
    // fast-check can't limit the time of shrinking: what is not tried counts as passed.
    const isShrunkEnough = failedAtMs !== null && performance.now() - failedAtMs > SHRINK_TIMEOUT_MS;
    if (isShrunkEnough || (failedAtMs === null && isOver())) return;
    try {
      const figures = await runSchedule(schedule);
      if (failedAtMs === null) onDone(figures);
    } catch (error) {
      failedAtMs ??= performance.now();
      throw error;
    }
  });
  const details = await fc.check(property, { numRuns: runs, seed, ...(path !== undefined && { path }) });
  if (!details.failed || details.counterexample === null) return null;
  const [schedule] = details.counterexample;
  const { errorInstance: error, counterexamplePath } = details;
  return [
    `Seed ${seed}, path ${counterexamplePath}, made smaller ${details.numShrinks} times:`,
    describeSchedule(schedule),
    '',
    error instanceof Error ? error.message : String(error),
  ].join('\n');
}

/** Stops at the first schedule that fails. */
export async function runSchedules(options: RunSchedulesOptions): Promise<RunSchedulesResult> {
  const { runs, seed, path, width, onProgress } = options;
  const figures: Figures = { schedules: 0, calls: 0, kills: 0, lostUpdates: 0, faults: 0 };
  let failure: string | null = null;
  let hasFailed = false;
  const sequences = Array.from({ length: Math.min(width, runs) }, async (_, index) => {
    const found = await runSequence({
      runs: Math.floor(runs / width) + (index < runs % width ? 1 : 0),
      seed: seed + index,
      path,
      isOver: () => hasFailed,
      onDone(done) {
        figures.schedules += 1;
        figures.calls += done.calls;
        figures.kills += done.kills;
        figures.lostUpdates += done.lostUpdates;
        figures.faults += done.faults;
        onProgress?.(figures);
      },
    });
    if (found === null) return;
    hasFailed = true;
    failure ??= found;
  });
  await Promise.all(sequences);
  return { figures, failure };
}
