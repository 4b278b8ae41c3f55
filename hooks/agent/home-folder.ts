/** Watches a home that is a folder without a limit of its own: measures it, and pauses the programs that fill it. */
import { execFile } from 'node:child_process';
import { unlinkSync } from 'node:fs';
import { writeAtomically } from './atomic-write.ts';
import type { Process, ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import { type HomeSize, WriteLimit } from './write-limit.ts';

/** The bytes and then the number of files. A file with several names counts once. */
const MEASURE = 'nice -n 19 du -sxB1 . 2>/dev/null; nice -n 19 du -sx --inodes . 2>/dev/null';
const MEASURE_TIMEOUT_MS = 600_000;

export interface HomeFolderOptions {
  home: string;
  proc: string;
  /** Where paused processes are stored, in the tmpfs: the next agent must continue them. */
  file: string;
  /** Called when a measurement has found another size than the last one. */
  onMeasured(): void;
}

export class HomeFolder {
  readonly #options: HomeFolderOptions;
  readonly #limit = new WriteLimit();
  /** Ids of paused processes. */
  #paused: ReadonlySet<string>;

  constructor(options: HomeFolderOptions) {
    this.#options = options;
    this.#paused = new Set((readText(options.file) ?? '').match(/\d+:\d+/g));
  }

  /** The last measured size; null before the first measurement. */
  get size(): HomeSize | null {
    return this.#limit.size;
  }

  /** Pauses and continues programs, and starts a measurement if one is due. `keep`: processes that are never paused. */
  update(table: ProcessTable, limitBytes: number, keep: () => ReadonlySet<number>): void {
    const limit = this.#limit;
    limit.update(this.#writtenBytes(table), limitBytes);
    if (limit.isFull(limitBytes)) this.#pauseWriters(table, keep());
    else if (limit.size !== null) this.#continueAll(table);
    if (limit.isMeasurementDue(performance.now(), limitBytes)) this.#measure();
  }

  /** The container's other writable file systems are in memory, which the kernel does not count here. */
  #writtenBytes(table: ProcessTable): Map<string, number> {
    const written = new Map<string, number>();
    for (const { pid, id } of table.all.values()) {
      const bytes = readText(`${this.#options.proc}/${pid}/io`)?.match(/^write_bytes: (\d+)$/m)?.[1];
      if (bytes !== undefined) written.set(id, Number(bytes));
    }
    return written;
  }

  #pauseWriters(table: ProcessTable, keep: ReadonlySet<number>): void {
    const writers = this.#limit.writers(table, ({ pid }) => keep.has(pid));
    // Stored first: an agent that is killed in between leaves no process paused for good.
    this.#store(new Set([...this.#paused, ...writers.map(({ id }) => id)]), table);
    for (const process of writers) signal(process, 'SIGSTOP');
  }

  #continueAll(table: ProcessTable): void {
    if (this.#paused.size === 0) return;
    for (const process of table.all.values()) if (this.#paused.has(process.id)) signal(process, 'SIGCONT');
    this.#store(new Set(), table);
  }

  #store(paused: ReadonlySet<string>, table: ProcessTable): void {
    const living = [...table.all.values()].map(({ id }) => id).filter((id) => paused.has(id));
    const isSame = living.length === this.#paused.size && living.every((id) => this.#paused.has(id));
    if (isSame) return;
    this.#paused = new Set(living);
    try {
      if (living.length === 0) unlinkSync(this.#options.file);
      else writeAtomically(this.#options.file, `${living.join('\n')}\n`);
    } catch {
      // The tmpfs is full: only an agent that is restarted now would not continue them.
    }
  }

  #measure(): void {
    this.#limit.startMeasurement(performance.now());
    const options = { cwd: this.#options.home, timeout: MEASURE_TIMEOUT_MS };
    execFile('/bin/sh', ['-c', MEASURE], options, (_error, output) => {
      const [, bytes, files] = output.match(/^(\d+)\t\.\n(\d+)\t\.\n$/) ?? [];
      const size = bytes === undefined ? null : { bytes: Number(bytes), files: Number(files) };
      const isChanged = size?.bytes !== this.size?.bytes || size?.files !== this.size?.files;
      this.#limit.endMeasurement(performance.now(), size);
      if (isChanged) this.#options.onMeasured();
    });
  }
}

function signal({ pid }: Process, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
