/** The students' homes: a volume each, which outlives every container. */
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { homeName } from './container-options.ts';
import { explainEngineError } from './engine-errors.ts';
import { ensureHomeVolume, hasHomeVolume, removeHomeVolume } from './home-volumes.ts';

export class Homes {
  readonly #docker: Docker;
  readonly #instance: string;

  constructor(docker: Docker, instance: string) {
    this.#docker = docker;
    this.#instance = instance;
  }

  #name(student: string): string {
    return homeName(this.#instance, student);
  }

  /** Whether the student has a home. */
  async has(student: string): Promise<boolean> {
    try {
      return await hasHomeVolume(this.#docker, this.#name(student));
    } catch (error) {
      throw explainEngineError(error, `find ${student}'s home`);
    }
  }

  /** Creates the home if there is none. No container may use it. `image`: the student image. */
  async ensure(student: string, image: string): Promise<void> {
    const labels = { 'devenv.instance': this.#instance, 'devenv.student': student };
    await ensureHomeVolume(this.#docker, image, { name: this.#name(student), labels });
  }

  /** Removes the home; does nothing if there is none. */
  async remove(student: string): Promise<void> {
    try {
      await removeHomeVolume(this.#docker, this.#name(student));
    } catch (error) {
      throw explainEngineError(error, `remove ${student}'s home`);
    }
  }

  /** The error for a home that was deleted without devenv. */
  missing(student: string): DevenvError {
    return new DevenvError({
      code: 'environment',
      what: `${student}'s home is gone: the Docker volume ${this.#name(student)} no longer exists. Nothing was started.`,
      next: `Restore the volume from a backup and run the command again, or continue with an empty home: devenv start ${student} --new-home`,
    });
  }
}
