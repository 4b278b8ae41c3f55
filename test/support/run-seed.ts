/** Seeds for random tests. */
import { execFileSync } from 'node:child_process';

/**
 * The seed of a random test: the variable `SEED`, or in CI a number derived from the commit, so that a failure can be
 * repeated on any machine; otherwise a random one. Tests must print it.
 */
export function runSeed({ SEED, CI } = process.env): number {
  if (SEED) return Number(SEED);
  if (!CI) return Math.floor(Math.random() * 2 ** 31);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname });
  return Number.parseInt(commit.slice(0, 7), 16);
}
