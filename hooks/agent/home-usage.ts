/** How full the home is, and what takes its space. Only of a home that is a file system of its own. */
import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { HOME_NEARLY_FULL } from '../../orchestrator/protocol/constants.ts';
import type { HomeUsage } from '../../orchestrator/protocol/messages.ts';
import { readText } from './read-file.ts';

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

export class HomeObserver {
  readonly #home: string;
  readonly #isSized: boolean;
  readonly #onChange: () => void;
  #largest: Entry[] | null = null;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  #isSearching = false;

  /** `onChange` is called when a search has ended. */
  constructor({ home, proc, onChange }: { home: string; proc: string; onChange(): void }) {
    this.#home = home;
    this.#onChange = onChange;
    // A folder of the host's disk would show the usage of that disk.
    const mounts = readText(`${proc}/self/mounts`) ?? '';
    this.#isSized = mounts
      .split('\n')
      .some((line) => /^\/dev\/loop\d+ /.test(line) && line.split(' ')[1] === home);
  }

  /** Null if the home has no limit of its own, or if it can't be read. */
  observe(): HomeUsage | null {
    if (!this.#isSized) return null;
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#home);
      const used = (blocks - bfree) * bsize;
      // What is reserved for a higher limit counts as neither used nor available.
      const limitBytes = roundTo(2 ** 20, used + bavail * bsize);
      const usedBytes = Math.min(limitBytes, roundTo(Math.max(1, Math.floor(limitBytes / STEPS)), used));
      const fullness = Math.max(used / (used + bavail * bsize), (files - ffree) / files);
      const isFullOfFiles = (files - ffree) / files >= HOME_NEARLY_FULL;
      const isNearlyFull = fullness >= HOME_NEARLY_FULL;
      if (isNearlyFull) this.#search();
      else this.#largest = null;
      return {
        usedBytes,
        limitBytes,
        fullness: Math.min(1, roundTo(1 / STEPS, fullness)),
        isFullOfFiles,
        largest: this.#largest,
      };
    } catch {
      return null;
    }
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
