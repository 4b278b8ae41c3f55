/** What every environment needs: the student image, the students' network, and the device of the homes. */
import type Docker from 'dockerode';
import type { Progress, StudentImage } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { findDiskDevice } from './disk-device.ts';
import { explainEngineError } from './engine-errors.ts';
import { readTraits } from './engine-traits.ts';
import { ensureNetwork } from './network.ts';
import type { StudentImages } from './student-image.ts';

/** What builds the student image. */
export type ImageBuilder = Pick<StudentImages, 'find' | 'ensure' | 'update'>;

export interface PreparationDeps {
  docker: Docker;
  settings: Settings;
  images: ImageBuilder;
}

export class Preparation {
  readonly #deps: PreparationDeps;
  #inFlight: Promise<void> | null = null;
  #isUpdating = false;
  #image: string | null = null;
  #disk: string | null = null;
  #isRemapped = false;
  #currentImage: string | null = null;

  constructor(deps: PreparationDeps) {
    this.#deps = deps;
  }

  /** The student image; null before the first run. */
  get image(): string | null {
    return this.#image;
  }

  /** An image for helpers that need not be current; null where the engine has none. */
  async anyImage(): Promise<string | null> {
    if (this.#image !== null) return this.#image;
    const [any] = await this.#deps.docker.listImages({ filters: { label: ['devenv.image=student'] } });
    return any?.Id ?? null;
  }

  /** The device of the homes; null where it is not known, and before the first run. */
  get disk(): string | null {
    return this.#disk;
  }

  /** Whether the engine runs containers in a user namespace. */
  get isRemapped(): boolean {
    return this.#isRemapped;
  }

  /** The image that the next start uses, as far as this process knows. It may not be built yet. */
  get currentImage(): string | null {
    return this.#currentImage;
  }

  /** Finds out which image the next start uses, without building it. */
  async findImage(): Promise<string | null> {
    try {
      this.#currentImage = await this.#deps.images.find();
      return this.#currentImage;
    } catch (error) {
      throw explainEngineError(error, 'find the student image');
    }
  }

  /** Builds the student image on a new base. Environments start with the old one until it is complete. Throws `busy`. */
  async update(progress: Progress, signal: AbortSignal): Promise<StudentImage> {
    if (this.#isUpdating) {
      const next = 'Wait until it has finished: devenv logs';
      throw new DevenvError({ code: 'busy', what: 'Another update of the student image is running.', next });
    }
    this.#isUpdating = true;
    try {
      const image = await this.#deps.images.update(progress, signal);
      this.#image = image.name;
      this.#currentImage = image.name;
      return image;
    } catch (error) {
      throw explainEngineError(error, 'update the student image');
    } finally {
      this.#isUpdating = false;
    }
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
      this.#image = await this.#deps.images.ensure(progress, signal);
      this.#currentImage = this.#image;
      this.#isRemapped = (await readTraits(this.#deps.docker)).isRemapped;
      this.#disk ??= await findDiskDevice(this.#deps.docker);
      await ensureNetwork(this.#deps.docker, this.#deps.settings);
    } catch (error) {
      throw explainEngineError(error, 'prepare the image and the network');
    }
  }
}
