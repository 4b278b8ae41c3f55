/**
 * A file that takes up space in advance. Where the orchestrator stops while the disk is full, removing it gives room to
 * save what is only in memory.
 */
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDiskFailure } from './disk-failures.ts';

/** More than the changed rows of 200 students take. */
const RESERVE_BYTES = 1024 * 1024;

/** The reserve is made only where this much is left for everything else. */
const MIN_FREE_BYTES = 4 * RESERVE_BYTES;

const pathIn = (folder: string) => join(folder, 'reserve');

/** How many bytes this user can still write on the disk of the folder. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Creates the reserve where it is missing and the disk has room. */
export function ensureReserve(folder: string): void {
  if (existsSync(pathIn(folder)) || freeBytes(folder) < MIN_FREE_BYTES) return;
  try {
    // Not zeros: some file systems store those without using space.
    writeFileSync(pathIn(folder), Buffer.alloc(RESERVE_BYTES, 'reserve'), { mode: 0o600 });
  } catch (error) {
    if (!isDiskFailure(error)) throw error;
    releaseReserve(folder);
  }
}

/** Gives the space back. Does nothing where there is no reserve. */
export function releaseReserve(folder: string): void {
  rmSync(pathIn(folder), { force: true });
}
