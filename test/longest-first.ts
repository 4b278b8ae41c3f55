/** The order of test files for jest: those that take longest first, so that none of them is left alone at the end. */

/** Files of over a minute, and of the unit tests the one of seconds; what else there is comes in the order of its names. */
const LONGEST = [
  'e2e/matrix',
  'e2e/crashes',
  'e2e/cloudflare-kills',
  'integration/hooks/transcripts',
  'e2e/coming-back',
  'e2e/engine-faults',
  'e2e/cloudflare',
  'e2e/hostile-students',
  'e2e/dev-servers/matrix',
  'unit/routes/publisher',
].map((name) => `/test/${name}.test.ts`);

function rankOf(path: string): number {
  const rank = LONGEST.findIndex((end) => path.endsWith(end));
  return rank < 0 ? LONGEST.length : rank;
}

export default class LongestFirst {
  sort<Test extends { path: string }>(tests: readonly Test[]): Test[] {
    return tests.toSorted((a, b) => rankOf(a.path) - rankOf(b.path) || a.path.localeCompare(b.path));
  }

  /** Jest's own keeps times from run to run: here every run has the same order. */
  cacheResults(): void {}
}
