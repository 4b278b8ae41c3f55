import type { Progress } from '../../orchestrator/domain.ts';

/** Progress as plain lines on stderr, for set-up that takes longer than a second. */
export const terminalProgress: Progress = {
  step: (_id, text) => void process.stderr.write(`… ${text}\n`),
  done: (_id, text) => void process.stderr.write(`✓ ${text}\n`),
  warn: (text) => void process.stderr.write(`! ${text}\n`),
};

/** Progress for tests that only look at the outcome. */
export const silentProgress: Progress = { step() {}, done() {}, warn() {} };
