/** The port that the student has chosen with `devenv-port`: until their last session ends, or with `--always`. */
import { unlinkSync } from 'node:fs';
import type { LinkPhase } from '../../orchestrator/domain.ts';
import type { EnvironmentPaths } from './paths.ts';
import { readText } from './read-file.ts';

const MAX_FILE_BYTES = 32;

export interface Choice {
  port: number;
  /** Whether the student has confirmed the warning that this port is a debugger's. */
  isDebuggerConfirmed: boolean;
}

/** `5173`, or `9229 debugger` once the warning was confirmed. */
function readChoice(path: string): Choice | null {
  const [, digits, word] = readText(path, MAX_FILE_BYTES)?.match(/^\s*(\d{1,5})( debugger)?\s*$/) ?? [];
  const port = Number(digits ?? 0);
  return port > 0 && port < 65536 ? { port, isDebuggerConfirmed: word !== undefined } : null;
}

export class ChosenPort {
  readonly #sessionFile: string;
  readonly #alwaysFile: string;
  /** Whether there was a session since the choice last expired. */
  #hadSession = false;

  constructor({ run, home }: EnvironmentPaths) {
    this.#sessionFile = `${run}/port`;
    this.#alwaysFile = `${home}/.devenv-port`;
  }

  get choice(): Choice | null {
    return readChoice(this.#sessionFile) ?? readChoice(this.#alwaysFile);
  }

  /** The choice expires once there is no session and the link is closed. During the grace period of a lost terminal it stays. */
  expireAfter(sessionCount: number, phase: LinkPhase): void {
    if (sessionCount > 0) this.#hadSession = true;
    if (sessionCount > 0 || phase !== 'closed' || !this.#hadSession) return;
    this.#hadSession = false;
    try {
      unlinkSync(this.#sessionFile);
    } catch {
      // No port was chosen.
    }
  }
}
