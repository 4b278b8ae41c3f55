/** The port that the student has chosen by `devenv-port`: until they leave, or always. */
import { unlinkSync } from 'node:fs';
import type { LinkPhase } from '../../orchestrator/domain.ts';
import type { EnvironmentPaths } from './paths.ts';
import { readText } from './read-file.ts';

function portIn(path: string): number | null {
  const text = readText(path, 16)?.trim() ?? '';
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port < 65536 ? port : null;
}

export class ChosenPort {
  readonly #session: string;
  readonly #always: string;
  /** Somebody has been in since the choice was last forgotten. */
  #wasIn = false;

  constructor({ run, home }: EnvironmentPaths) {
    this.#session = `${run}/port`;
    this.#always = `${home}/.devenv-port`;
  }

  get port(): number | null {
    return portIn(this.#session) ?? portIn(this.#always);
  }

  /** The choice ends when nobody is in and the link is closed: a terminal that is lost and comes back keeps it. */
  follow(sessions: number, phase: LinkPhase): void {
    if (sessions > 0) this.#wasIn = true;
    if (sessions > 0 || phase !== 'closed' || !this.#wasIn) return;
    this.#wasIn = false;
    try {
      unlinkSync(this.#session);
    } catch {
      // Nothing was chosen.
    }
  }
}
