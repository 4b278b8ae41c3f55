/** What every environment needs: the student image, the students' network, and the device of the homes. */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { findDiskDevice } from './disk-device.ts';
import { explainEngineError } from './engine-errors.ts';
import { ensureNetwork } from './network.ts';
import { ensureStudentImage } from './student-image.ts';

export class Preparation {
  readonly #deps: { docker: Docker; settings: Settings; clock: Clock };
  #inFlight: Promise<void> | null = null;
  #image: string | null = null;
  #disk: string | null = null;

  constructor(deps: { docker: Docker; settings: Settings; clock: Clock }) {
    this.#deps = deps;
  }

  /** The student image; null before the first run. */
  get image(): string | null {
    return this.#image;
  }

  /** The device of the homes; null where it is not known, and before the first run. */
  get disk(): string | null {
    return this.#disk;
  }

  /** Callers at the same time share one run. If the first of them cancels it, the next starts another. */
  async run(progress: Progress, signal: AbortSignal): Promise<void> {
    while (this.#inFlight !== null) {
      const failure = await this.#inFlight.then(
        () => null,
        (error: unknown) => error,
      );
      if (failure === null) return;
      if (!(failure instanceof DevenvError) || failure.code !== 'cancelled') throw failure;
    }
    this.#inFlight = this.#prepare(progress, signal).finally(() => {
      this.#inFlight = null;
    });
    await this.#inFlight;
  }

  async #prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    try {
      this.#image = await ensureStudentImage({ ...this.#deps, progress, signal });
      this.#disk ??= await findDiskDevice(this.#deps.docker);
      await ensureNetwork(this.#deps.docker, this.#deps.settings);
    } catch (error) {
      throw explainEngineError(error, 'prepare the image and the network');
    }
  }
}
