/** The port that the student has chosen with `devenv-port`: until their last session ends, or with `--always`. */
import { unlinkSync } from 'node:fs';
import type { LinkPhase } from '../../orchestrator/domain.ts';
import type { EnvironmentPaths } from './paths.ts';
import { readText } from './read-file.ts';

const MAX_FILE_BYTES = 16;

function readPort(path: string): number | null {
  const text = readText(path, MAX_FILE_BYTES)?.trim() ?? '';
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port < 65536 ? port : null;
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

  get port(): number | null {
    return readPort(this.#sessionFile) ?? readPort(this.#alwaysFile);
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
