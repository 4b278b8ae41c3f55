/** Progress reporters for tests and their setup. */
import type { Progress } from '../../orchestrator/domain.ts';

/** Prints progress as lines on stderr, for setup that takes longer than a second. */
export const terminalProgress: Progress = {
  step: (_id, text) => void process.stderr.write(`… ${text}\n`),
  done: (_id, text) => void process.stderr.write(`✓ ${text}\n`),
  warn: (text) => void process.stderr.write(`! ${text}\n`),
};

/** Discards progress. */
export const silentProgress: Progress = { step() {}, done() {}, warn() {} };
