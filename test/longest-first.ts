/** The order of test files for jest: the longest first, so that no worker is left alone with one of them at the end. */

/** Files that take over a minute, the longest first. All others follow in the order of their names. */
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
].map((name) => `/test/${name}.test.ts`);

function rankOf(path: string): number {
  const rank = LONGEST.findIndex((end) => path.endsWith(end));
  return rank < 0 ? LONGEST.length : rank;
}

export default class LongestFirst {
  sort<Test extends { path: string }>(tests: readonly Test[]): Test[] {
    return tests.toSorted((a, b) => rankOf(a.path) - rankOf(b.path) || a.path.localeCompare(b.path));
  }

  /** Jest's own sequencer remembers times; this one gives every run the same order. */
  cacheResults(): void {}
}
