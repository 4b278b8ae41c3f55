/**
 * The programs whose terminals count as sessions, as the orchestrator last sent them. They are kept in the tmpfs: the next
 * agent gets them only after its first report, and a session missing from that one would look like it had ended.
 */
import { writeAtomically } from './atomic-write.ts';
import { readText } from './read-file.ts';

/** Empty if the file is missing or is not a list: the orchestrator sends the patterns soon. */
function readPatterns(path: string): string[] {
  try {
    const content: unknown = JSON.parse(readText(path) ?? '[]');
    return Array.isArray(content) ? content.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

export class SessionHolders {
  readonly #file: string;
  #patterns: readonly string[];

  /** `run`: the tmpfs. */
  constructor(run: string) {
    this.#file = `${run}/agent.holders`;
    this.#patterns = readPatterns(this.#file);
  }

  get patterns(): readonly string[] {
    return this.#patterns;
  }

  /** Returns whether the patterns differ from the previous ones. */
  updateFrom(patterns: readonly string[]): boolean {
    const text = JSON.stringify(patterns);
    if (text === JSON.stringify(this.#patterns)) return false;
    this.#patterns = patterns;
    try {
      writeAtomically(this.#file, text);
    } catch {
      // The tmpfs is full, or a folder of the student is in the way: the next agent waits for the orchestrator.
    }
    return true;
  }
}
