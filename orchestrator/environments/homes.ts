/**
 * The students' homes: a volume each, which outlives every container. A home is a file system of a fixed size where this
 * host can have one, else a folder without a limit.
 */
import type Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { type DevenvError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { homeName } from './container-options.ts';
import { diskFullError, explainEngineError, isDiskFull } from './engine-errors.ts';
import { removeHelper } from './helper-container.ts';
import { measureHome } from './home-copy.ts';
import { attachImage, detachImage, type HomeImageDeps, limitImage } from './home-image.ts';
import { addOptions, continueMove, isMoving, type MovingHome, moveToImage } from './home-move.ts';
import { explainHomeError, missingHome } from './home-problems.ts';
import {
  createFolderVolume,
  createImageVolume,
  hasHomeVolume,
  inspectVolume,
  movingName,
  removeVolume,
} from './home-volumes.ts';
import { networkOf } from './network.ts';

export interface HomesDeps {
  docker: Docker;
  instance: string;
  /** The limit of each home. */
  limitBytes: number;
  log: Log;
}

export interface EnsureHomeOptions {
  student: string;
  uid: number;
  /** The student image. */
  image: string;
  /** Whether a home that does not exist may be created. */
  mayCreate: boolean;
  progress: Progress;
}

export class Homes {
  readonly #docker: Docker;
  readonly #instance: string;
  readonly #limitBytes: number;
  readonly #log: Log;
  #unlimitedReason: string | null = null;

  constructor({ docker, instance, limitBytes, log }: HomesDeps) {
    this.#docker = docker;
    this.#instance = instance;
    this.#limitBytes = limitBytes;
    this.#log = log;
  }

  /** Why new homes have no limit on this host; null where they have one, as far as this process knows. */
  get unlimitedReason(): string | null {
    return this.#unlimitedReason;
  }

  #deps(image: string): HomeImageDeps {
    return { docker: this.#docker, image, bridge: networkOf(this.#instance).bridge };
  }

  #home(student: string, uid: number): MovingHome {
    const labels = { 'devenv.instance': this.#instance, 'devenv.student': student };
    return { volume: homeName(this.#instance, student), labels, limitBytes: this.#limitBytes, uid };
  }

  /** Whether the student has a home. */
  async has(student: string): Promise<boolean> {
    try {
      return await hasHomeVolume(this.#docker, homeName(this.#instance, student));
    } catch (error) {
      throw explainEngineError(error, `find ${student}'s home`);
    }
  }

  /** Whether `ensure` changes the home's volume, which no container may use meanwhile. */
  async mustMove(student: string, uid: number, image: string): Promise<boolean> {
    const deps = this.#deps(image);
    const home = this.#home(student, uid);
    if (await isMoving(deps, home)) return true;
    const { kind } = await inspectVolume(this.#docker, home.volume);
    if (kind !== 'folder' || this.#unlimitedReason !== null) return kind === 'plain';
    return (await measureHome(deps, home.volume, this.#limitBytes)) === null;
  }

  /**
   * Makes the home usable by a container: creates it if there is none, attaches it, and moves a folder into a home with a
   * limit. A later call continues one that was interrupted. Returns whether everything in it has the student's uid.
   */
  async ensure(options: EnsureHomeOptions): Promise<{ hasOwner: boolean }> {
    const { student, uid, image, mayCreate } = options;
    const deps = this.#deps(image);
    const home = this.#home(student, uid);
    if (await isMoving(deps, home)) {
      this.#report(options, await continueMove(deps, home));
      return { hasOwner: false };
    }
    const found = await inspectVolume(this.#docker, home.volume);
    switch (found.kind) {
      case 'none':
        return { hasOwner: await this.#create(deps, home) };
      case 'image':
        try {
          await attachImage(deps, { ...home, loop: found.loop }, mayCreate ? 'skeleton' : '');
        } catch (error) {
          throw explainHomeError(error, student, { ...home, loop: found.loop });
        }
        return { hasOwner: false };
      case 'plain':
      case 'folder':
        await this.#limitFolder(options, found.kind);
        return { hasOwner: false };
    }
  }

  /** Creates the home, without a limit if this host can't have one. Returns whether it has the student's uid. */
  async #create(deps: HomeImageDeps, home: MovingHome): Promise<boolean> {
    const { docker } = deps;
    if (this.#unlimitedReason === null) {
      const loop = await createImageVolume(docker, home.volume, home.labels);
      try {
        await attachImage(deps, { ...home, loop }, 'skeleton');
        return true;
      } catch (error) {
        await removeVolume(docker, home.volume);
        if (isDiskFull(messageOf(error))) throw diskFullError('create the home');
        this.#giveUpLimits(messageOf(error));
      }
    }
    await createFolderVolume(docker, home.volume, home.labels);
    return false;
  }

  /** Replaces a new home that the engine could not mount by one without a limit. */
  async replaceUnmountable(student: string, uid: number, image: string, reason: string): Promise<void> {
    this.#giveUpLimits(reason);
    await this.remove(student, image);
    await this.#create(this.#deps(image), this.#home(student, uid));
  }

  #giveUpLimits(reason: string): void {
    this.#unlimitedReason = reason;
    this.#log.error({ reason }, 'homes have no limit on this host');
  }

  async #limitFolder(options: EnsureHomeOptions, kind: 'plain' | 'folder'): Promise<void> {
    const { student, uid, image, progress } = options;
    const deps = this.#deps(image);
    const home = this.#home(student, uid);
    const obstacle =
      this.#unlimitedReason === null ? await measureHome(deps, home.volume, this.#limitBytes) : null;
    if (obstacle === null && this.#unlimitedReason === null) {
      progress.step('home', `Moving ${student}'s home to a file system with a limit`);
      this.#report(options, await moveToImage(deps, home));
      return;
    }
    if (kind === 'plain') await addOptions(deps, home);
    if (obstacle !== null) progress.warn(`${student}'s home ${obstacle}, so it has no limit yet.`);
  }

  /** Reports the end of a move. `failure`: why the home is still a folder. */
  #report({ student, progress }: EnsureHomeOptions, failure: string | null): void {
    if (failure === null) return progress.done('home', `${student}'s home has a limit`);
    this.#log.error({ student, reason: failure }, 'the home has no limit: it could not be moved');
    progress.warn(`${student}'s home has no limit yet: ${failure}`);
  }

  /** Applies the limit to the home of an environment that runs. Throws `environment`. */
  async applyLimit(student: string, uid: number, image: string): Promise<void> {
    const home = this.#home(student, uid);
    const found = await inspectVolume(this.#docker, home.volume);
    if (found.kind !== 'image') return;
    try {
      await limitImage(this.#deps(image), { ...home, loop: found.loop });
    } catch (error) {
      throw explainHomeError(error, student, { ...home, loop: found.loop });
    }
  }

  /** Removes the home; does nothing if there is none. `image`: any student image; null if there is none. */
  async remove(student: string, image: string | null): Promise<void> {
    const home = this.#home(student, 0);
    const { volume } = home;
    try {
      for (const helper of ['image', 'copy', 'move']) await removeHelper(this.#docker, `${volume}.${helper}`);
      const found = await inspectVolume(this.#docker, volume);
      // Without it, the host's next boot detaches the device.
      if (found.kind === 'image' && image !== null)
        await detachImage(this.#deps(image), { ...home, loop: found.loop });
      await removeVolume(this.#docker, volume);
      await removeVolume(this.#docker, movingName(volume));
    } catch (error) {
      throw explainEngineError(error, `remove ${student}'s home`);
    }
  }

  /** The error for a home that was deleted without devenv. */
  missing(student: string): DevenvError {
    return missingHome(student, homeName(this.#instance, student));
  }
}
