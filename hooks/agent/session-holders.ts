/**
 * The programs whose terminals count as sessions, as the orchestrator has told last. Kept in the tmpfs: the next agent
 * is told only after its first report, and who is missing in that one would be somebody who comes anew.
 */

import { writeAtomically } from './atomic-write.ts';
import { readText } from './read-file.ts';

/** None where the file is missing, or holds what is no list: the orchestrator tells soon. */
function patternsIn(path: string): string[] {
  try {
    const told: unknown = JSON.parse(readText(path) ?? '[]');
    return Array.isArray(told) ? told.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

export class SessionHolders {
  readonly #file: string;
  #patterns: readonly string[];

  constructor(run: string) {
    this.#file = `${run}/agent.holders`;
    this.#patterns = patternsIn(this.#file);
  }

  get patterns(): readonly string[] {
    return this.#patterns;
  }

  /** Takes over what is told; whether that is something else. */
  take(patterns: readonly string[]): boolean {
    const text = JSON.stringify(patterns);
    if (text === JSON.stringify(this.#patterns)) return false;
    this.#patterns = patterns;
    try {
      writeAtomically(this.#file, text);
    } catch {
      // The tmpfs is full, or a folder of the student's is in the way: the next agent waits until it is told.
    }
    return true;
  }
}
