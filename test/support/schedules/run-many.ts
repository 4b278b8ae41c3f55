/** Plays many schedules, side by side: each waits most of its time, for answers that do not come and graces that run. */
import fc from 'fast-check';
import { type Played, playSchedule } from './run-schedule.ts';
import { describeSchedule, type Schedule, schedules } from './schedule.ts';

/** A failing schedule is made smaller for so long, in ms. */
const SHRINK = 60_000;

export interface Figures extends Played {
  schedules: number;
}

export interface ManyOptions {
  runs: number;
  seed: number;
  /** How many at once. */
  width: number;
  onProgress?: (figures: Figures) => void;
}

export interface ManyResult {
  figures: Figures;
  /** The first that failed, as small as it could be made, with what happened. */
  failure: string | null;
}

/** One row of schedules, one after the other. */
async function playRow(
  runs: number,
  seed: number,
  isOver: () => boolean,
  onPlayed: (played: Played) => void,
): Promise<string | null> {
  let failedAt: number | null = null;
  const property = fc.asyncProperty(schedules, async (schedule: Schedule) => {
    // fast-check has no limit of its own for making smaller: what is not tried counts as passed.
    const isEnough = failedAt !== null && performance.now() - failedAt > SHRINK;
    if (isEnough || (failedAt === null && isOver())) return;
    try {
      const played = await playSchedule(schedule);
      if (failedAt === null) onPlayed(played);
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
  });
  const details = await fc.check(property, { numRuns: runs, seed });
  if (!details.failed || details.counterexample === null) return null;
  const [schedule] = details.counterexample;
  const { errorInstance: error, counterexamplePath: path } = details;
  return [
    `Seed ${seed}, path ${path}, made smaller ${details.numShrinks} times:`,
    describeSchedule(schedule),
    '',
    error instanceof Error ? error.message : String(error),
  ].join('\n');
}

/** Stops at the first that fails. */
export async function playMany({ runs, seed, width, onProgress }: ManyOptions): Promise<ManyResult> {
  const figures: Figures = { schedules: 0, calls: 0, kills: 0, lostUpdates: 0, faults: 0 };
  let failure: string | null = null;
  let hasFailed = false;
  const rows = Array.from({ length: Math.min(width, runs) }, async (_, row) => {
    const share = Math.floor(runs / width) + (row < runs % width ? 1 : 0);
    const found = await playRow(
      share,
      seed + row,
      () => hasFailed,
      (played) => {
        figures.schedules += 1;
        figures.calls += played.calls;
        figures.kills += played.kills;
        figures.lostUpdates += played.lostUpdates;
        figures.faults += played.faults;
        onProgress?.(figures);
      },
    );
    if (found === null) return;
    hasFailed = true;
    failure ??= found;
  });
  await Promise.all(rows);
  return { figures, failure };
}
