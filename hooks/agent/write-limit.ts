/**
 * Decides which programs are paused in a home that is a folder, which no file system limits: above the limit, those that
 * continue to write. They continue when files were deleted.
 */
import type { Process, ProcessTable } from './process-table.ts';

/** What a process may write while the home is full: editors save small files, shells their history. */
const MAX_EXCESS_BYTES = 2 ** 20;
/** Measuring takes at most this share of the time, and a larger one while the home may be full. */
const MEASURING = {
  quiet: { minPauseMs: 10_000, pausePerDuration: 20 },
  urgent: { minPauseMs: 1000, pausePerDuration: 4 },
};

export interface HomeSize {
  bytes: number;
  files: number;
}

/** As many files as a home with a file system of that size could have (`home-image.sh`). */
export const maxFilesOf = (limitBytes: number) => Math.floor(limitBytes / 8192);

export class WriteLimit {
  /** Bytes that each process had written at the last update, by process id; null before the first. */
  #written: ReadonlyMap<string, number> | null = null;
  /** Bytes that each process has written since the home was full. */
  #excess = new Map<string, number>();
  #size: HomeSize | null = null;
  #writtenSinceMeasurement = 0;
  /** How much of it was written before the current measurement started. */
  #writtenAtStart = 0;
  #startedAtMs = 0;
  #endedAtMs = 0;
  #isMeasuring = false;

  /** The last measured size; null before the first. */
  get size(): HomeSize | null {
    return this.#size;
  }

  /** `written`: the bytes that each living process has written to disk, with those of its ended child processes. */
  update(written: ReadonlyMap<string, number>, limitBytes: number): void {
    const before = this.#written;
    this.#written = written;
    const excess = new Map<string, number>();
    const wasFull = this.isFull(limitBytes);
    for (const [id, bytes] of written) {
      const grown = before === null ? 0 : Math.max(0, bytes - (before.get(id) ?? 0));
      this.#writtenSinceMeasurement += grown;
      if (wasFull) excess.set(id, (this.#excess.get(id) ?? 0) + grown);
    }
    this.#excess = excess;
  }

  /** Whether the home is full: as measured, plus what was written since. */
  isFull(limitBytes: number): boolean {
    if (this.#size === null) return false;
    const { bytes, files } = this.#size;
    return bytes + this.#writtenSinceMeasurement >= limitBytes || files >= maxFilesOf(limitBytes);
  }

  /** Whether to measure now. The pauses grow with the duration of the last measurement. */
  isMeasurementDue(nowMs: number, limitBytes: number): boolean {
    if (this.#isMeasuring) return false;
    if (this.#size === null && this.#endedAtMs === 0) return true;
    const room = limitBytes - (this.#size?.bytes ?? 0);
    const isUrgent = this.isFull(limitBytes) || this.#writtenSinceMeasurement > room / 2;
    const { minPauseMs, pausePerDuration } = isUrgent ? MEASURING.urgent : MEASURING.quiet;
    const durationMs = this.#endedAtMs - this.#startedAtMs;
    return nowMs - this.#endedAtMs >= Math.max(minPauseMs, pausePerDuration * durationMs);
  }

  /** A measurement starts: later writes may be missing in it. */
  startMeasurement(nowMs: number): void {
    this.#isMeasuring = true;
    this.#startedAtMs = nowMs;
    this.#writtenAtStart = this.#writtenSinceMeasurement;
  }

  /** `size`: null if the measurement failed. */
  endMeasurement(nowMs: number, size: HomeSize | null): void {
    this.#isMeasuring = false;
    this.#endedAtMs = nowMs;
    if (size === null) return;
    this.#size = size;
    this.#writtenSinceMeasurement -= this.#writtenAtStart;
  }

  /**
   * The processes to pause: those that have written too much since the home was full, with their jobs, so that the shell
   * shows its prompt again. Never one for which `isProtected`.
   */
  writers(table: ProcessTable, isProtected: (process: Process) => boolean): Process[] {
    const writers = [...table.all.values()].filter(
      ({ id }) => (this.#excess.get(id) ?? 0) > MAX_EXCESS_BYTES,
    );
    const groups = new Set(writers.filter((each) => !isProtected(each)).map(({ group }) => group));
    return [...table.all.values()].filter((each) => groups.has(each.group) && !isProtected(each));
  }
}
