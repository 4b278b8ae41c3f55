import { execFileSync } from 'node:child_process';

/**
 * The seed of a random test: `SEED`; in CI the commit's own, so that what failed there can be played again anywhere;
 * else a new one each time.
 */
export function runSeed({ SEED, CI } = process.env): number {
  if (SEED) return Number(SEED);
  if (!CI) return Math.floor(Math.random() * 2 ** 31);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname });
  return Number.parseInt(commit.slice(0, 7), 16);
}
