/** How full the home is, and what takes its space. */
import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { HOME_NEARLY_FULL } from '../../orchestrator/protocol/constants.ts';
import type { HomeUsage } from '../../orchestrator/protocol/messages.ts';
import { HomeFolder } from './home-folder.ts';
import type { ProcessTable } from './process-table.ts';
import { readText } from './read-file.ts';
import { maxFilesOf } from './write-limit.ts';

/** Usage is reported in steps of this share of the limit: each change is a report. */
const STEPS = 200;
/** A search of a full home takes seconds. */
const SEARCH_TIMEOUT_MS = 30_000;
/** Pause between two searches of a home that stays nearly full. */
const SEARCH_INTERVAL_MS = 60_000;
const MAX_LARGEST = 3;
/** An entry with a smaller share of what is used is not worth naming. */
const MIN_SHARE = 0.02;
const MAX_PATH_LENGTH = 200;
/** A folder with nearly all of its content in one entry tells less than that entry. */
const MOSTLY = 0.7;

/** Files and folders down to the third level, the largest first, as `BYTES<tab>PATH<NUL>`. */
const SEARCH = 'nice -n 19 du -xa0 -B1 --max-depth=3 . 2>/dev/null | sort -zrn | head -z -n 300';

interface Entry {
  path: string;
  bytes: number;
}

/** The entries of the search's output. The home itself is the first, as an empty path. */
function parseSearch(output: string): Entry[] {
  return output.split('\0').flatMap((line) => {
    const tab = line.indexOf('\t');
    const path = line.slice(tab + 3);
    return tab <= 0 ? [] : [{ path, bytes: Number(line.slice(0, tab)) }];
  });
}

/** The largest entries that overlap no other: `app/node_modules` rather than `app`, if it is most of it. */
export function largestOf(output: string): Entry[] {
  const [home, ...entries] = parseSearch(output);
  const minimum = (home?.bytes ?? 0) * MIN_SHARE;
  const telling = entries.filter(
    ({ path, bytes }) =>
      bytes >= minimum &&
      !entries.some((below) => below.path.startsWith(`${path}/`) && below.bytes >= bytes * MOSTLY),
  );
  const largest: Entry[] = [];
  for (const entry of telling) {
    if (largest.length === MAX_LARGEST) break;
    const overlaps = largest.some(
      ({ path }) => path.startsWith(`${entry.path}/`) || entry.path.startsWith(`${path}/`),
    );
    if (!overlaps) largest.push({ ...entry, path: entry.path.slice(0, MAX_PATH_LENGTH) });
  }
  return largest;
}

const roundTo = (step: number, value: number) => Math.round(value / step) * step;

export interface HomeObserverOptions {
  home: string;
  proc: string;
  run: string;
  onChange(): void;
}

interface Space {
  usedBytes: number;
  availableBytes: number;
  files: number;
  maxFiles: number;
}

export class HomeObserver {
  readonly #home: string;
  /** Null if the home is a file system of its own. */
  readonly #folder: HomeFolder | null;
  readonly #onChange: () => void;
  #largest: Entry[] | null = null;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  #isSearching = false;

  /** `run`: the tmpfs. `onChange` is called when a search or measurement has ended. */
  constructor({ home, proc, run, onChange }: HomeObserverOptions) {
    this.#home = home;
    this.#onChange = onChange;
    // For a folder, the kernel shows the usage of the host's disk.
    const mounts = readText(`${proc}/self/mounts`) ?? '';
    const isSized = mounts
      .split('\n')
      .some((line) => /^\/dev\/loop\d+ /.test(line) && line.split(' ')[1] === home);
    const file = `${run}/agent.paused`;
    this.#folder = isSized ? null : new HomeFolder({ home, proc, file, onMeasured: onChange });
  }

  /** Watches the limit of a home that is a folder. `keep`: processes that are never paused. */
  enforce(table: ProcessTable, limitBytes: number | null, keep: () => ReadonlySet<number>): void {
    if (limitBytes !== null) this.#folder?.update(table, limitBytes, keep);
  }

  /** Null if it can't be read or is not known yet. `folderLimitBytes`: the limit of a home that is a folder. */
  observe(folderLimitBytes: number | null): HomeUsage | null {
    const space = this.#folder === null ? this.#fileSystemSpace() : this.#folderSpace(folderLimitBytes);
    if (space === null) return null;
    const { usedBytes: used, availableBytes, files, maxFiles } = space;
    // What is reserved for a higher limit counts as neither used nor available.
    const limitBytes =
      folderLimitBytes !== null && this.#folder ? folderLimitBytes : roundTo(2 ** 20, used + availableBytes);
    const usedBytes = Math.min(limitBytes, roundTo(Math.max(1, Math.floor(limitBytes / STEPS)), used));
    const fullness = Math.max(used / (used + availableBytes), files / maxFiles);
    if (fullness >= HOME_NEARLY_FULL) this.#search();
    else this.#largest = null;
    return {
      usedBytes,
      limitBytes,
      fullness: Math.min(1, roundTo(1 / STEPS, fullness)),
      isFullOfFiles: files / maxFiles >= HOME_NEARLY_FULL,
      ...(this.#folder === null ? {} : { isFolder: true }),
      largest: this.#largest,
    };
  }

  #fileSystemSpace(): Space | null {
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#home);
      return {
        usedBytes: (blocks - bfree) * bsize,
        availableBytes: bavail * bsize,
        files: files - ffree,
        maxFiles: files,
      };
    } catch {
      return null;
    }
  }

  #folderSpace(limitBytes: number | null): Space | null {
    const size = this.#folder?.size ?? null;
    if (size === null || limitBytes === null) return null;
    return {
      usedBytes: size.bytes,
      availableBytes: Math.max(0, limitBytes - size.bytes),
      files: size.files,
      maxFiles: maxFilesOf(limitBytes),
    };
  }

  /** Looks for the largest entries, unless that was done a short time ago. */
  #search(): void {
    const now = performance.now();
    const isDue = this.#largest === null || now - this.#searchedAtMs >= SEARCH_INTERVAL_MS;
    if (this.#isSearching || !isDue) return;
    this.#isSearching = true;
    const options = { cwd: this.#home, timeout: SEARCH_TIMEOUT_MS, maxBuffer: 2 ** 20 };
    execFile('/bin/sh', ['-c', SEARCH], options, (_error, output) => {
      this.#isSearching = false;
      this.#searchedAtMs = performance.now();
      this.#largest = largestOf(output);
      this.#onChange();
    });
  }
}
