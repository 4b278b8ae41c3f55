/** The students' homes: a volume each, which outlives every container. */
import type Docker from 'dockerode';
import { homeName } from './container-options.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';

export class Homes {
  readonly #docker: Docker;
  readonly #instance: string;

  constructor(docker: Docker, instance: string) {
    this.#docker = docker;
    this.#instance = instance;
  }

  #volume(student: string): Docker.Volume {
    return this.#docker.getVolume(homeName(this.#instance, student));
  }

  /** Whether the student has a home. */
  async has(student: string): Promise<boolean> {
    try {
      await this.#volume(student).inspect();
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw explainEngineError(error, `find ${student}'s home`);
    }
  }

  /** Creates the home if there is none. */
  async ensure(student: string): Promise<void> {
    const labels = { 'devenv.instance': this.#instance, 'devenv.student': student };
    await this.#docker.createVolume({ Name: homeName(this.#instance, student), Labels: labels });
  }

  /** Removes the home; does nothing if there is none. */
  async remove(student: string): Promise<void> {
    try {
      await this.#volume(student).remove();
    } catch (error) {
      if (!isStatus(error, 404)) throw explainEngineError(error, `remove ${student}'s home`);
    }
  }
}
