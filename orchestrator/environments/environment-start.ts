/**
 * The start of an environment: its files, firewall, home and container. A container whose image or settings have changed
 * is replaced: all lasting data is in the home.
 */
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { messageOf } from '../errors.ts';
import { sizeInBytes } from '../limits-settings.ts';
import type { Settings } from '../settings-schema.ts';
import { placeAccountFiles } from './account-files.ts';
import { containerName, containerOptions, userOf } from './container-options.ts';
import { explainEngineError, isMountFailure } from './engine-errors.ts';
import type { FirewallMonitor } from './firewall-monitor.ts';
import { setHomeOwner } from './home-owner.ts';
import type { Homes } from './homes.ts';
import type { NameResolution } from './name-resolution.ts';
import { networkOf } from './network.ts';
import type { Preparation } from './preparation.ts';
import { placePublicKey } from './ssh-keys.ts';
import { parseStarter, placeStarter } from './starter.ts';
import { inspectContainer, removeContainer } from './student-container.ts';
import { limitTcpMemory } from './tcp-memory.ts';
import { removeTerminals } from './terminals.ts';
import type { EnvironmentSpec, StartOptions } from './types.ts';

/** The folder with the agent's socket and the files that a container mounts. */
export const socketDirOf = ({ stateDir }: Pick<Settings, 'stateDir'>, socketId: string): string =>
  join(stateDir, 'agents', socketId);

export interface EnvironmentStartDeps {
  docker: Docker;
  settings: Settings;
  firewall: FirewallMonitor;
  names: NameResolution;
  homes: Homes;
  preparation: Preparation;
}

export class EnvironmentStart {
  readonly #deps: EnvironmentStartDeps;

  constructor(deps: EnvironmentStartDeps) {
    this.#deps = deps;
  }

  get #image(): string {
    const { image } = this.#deps.preparation;
    if (image === null) throw new Error('prepare() must run before an environment is created or started');
    return image;
  }

  #container(student: string): Docker.Container {
    const { docker, settings } = this.#deps;
    return docker.getContainer(containerName(settings.instance, student));
  }

  /** Starts it, or continues a paused one; one that runs is left as it is. Throws what `explainEngineError` makes of it. */
  async run(
    spec: EnvironmentSpec,
    progress: Progress,
    signal: AbortSignal,
    { newHome }: StartOptions,
  ): Promise<void> {
    const { student, port } = spec;
    const starter = parseStarter(this.#deps.settings.starter);
    progress.step('environment', `Starting ${student}'s environment`);
    try {
      placePublicKey(this.#deps.settings.stateDir, socketDirOf(this.#deps.settings, spec.socketId));
      placeAccountFiles(socketDirOf(this.#deps.settings, spec.socketId), spec.uid);
      this.#deps.names.place(socketDirOf(this.#deps.settings, spec.socketId));
      const container = this.#container(student);
      const existing = await inspectContainer(container);
      if (existing?.State.Paused) {
        await this.#deps.firewall.install(this.#image);
        await container.unpause();
      }
      if (existing?.State.Running) return;
      if (existing === null) await removeTerminals(this.#deps.docker, this.#deps.settings.instance, student);
      const hasHome = await this.#deps.homes.has(student);
      // Docker would create an empty volume.
      if (!hasHome && !newHome) throw this.#deps.homes.missing(student);
      // Both steps are awaited even if one fails: a container that is still being created can't be undone.
      const steps = await Promise.allSettled([
        this.#deps.firewall.install(this.#image),
        this.#ensureCurrentContainer(spec, { existing, hasHome, newHome }, progress),
      ]);
      for (const step of steps) if (step.status === 'rejected') throw step.reason;
      signal.throwIfAborted();
      await container.start();
      await limitTcpMemory(container, sizeInBytes(this.#deps.settings.limits.memory));
      await Promise.all([
        this.#deps.firewall.onStarted(this.#image),
        this.#deps.names.onStarted(container, this.#image),
        hasHome ? undefined : placeStarter(container, starter, spec.uid, signal),
      ]);
      progress.done('environment', `${student}'s environment is running`);
    } catch (error) {
      throw explainEngineError(error, `start ${student}'s environment`, port);
    }
  }

  /**
   * Creates the container, or replaces one whose image or settings have changed, or that was disconnected from the
   * students' network: all lasting data is in the home.
   */
  async #ensureCurrentContainer(
    spec: EnvironmentSpec,
    {
      existing,
      hasHome,
      newHome,
    }: { existing: Docker.ContainerInspectInfo | null; hasHome: boolean; newHome: boolean },
    progress: Progress,
  ): Promise<void> {
    const { student, uid } = spec;
    const home = { student, uid, image: this.#image, mayCreate: newHome, progress };
    const network = networkOf(this.#deps.settings.instance).name;
    const options = containerOptions(spec, this.#deps.settings, {
      image: this.#image,
      network,
      socketDir: socketDirOf(this.#deps.settings, spec.socketId),
      disk: this.#deps.preparation.disk,
      isRemapped: this.#deps.preparation.isRemapped,
    });
    if (existing !== null) {
      const isCurrent = existing.Config.Labels['devenv.spec'] === options.Labels?.['devenv.spec'];
      const isConnected = existing.NetworkSettings.Networks[network] !== undefined;
      // Without a home, Docker would create an empty volume that belongs to another user.
      const isUsable = isCurrent && hasHome && isConnected;
      if (isUsable && !(await this.#deps.homes.mustMove(student, uid, this.#image))) {
        await this.#deps.homes.ensure(home);
        return;
      }
      await removeContainer(this.#container(student), student);
      await removeTerminals(this.#deps.docker, this.#deps.settings.instance, student);
    }
    const { hasOwner } = await this.#deps.homes.ensure(home);
    // A container is created after its home has got the owner, so the home of one with this user has it.
    if (!hasOwner && (!hasHome || existing?.Config.User !== userOf(uid)))
      await this.#updateOwner(spec, hasHome, progress);
    // Not abortable: the engine may create the container after the request was given up, and nothing would remove it.
    try {
      await this.#deps.docker.createContainer(options);
    } catch (error) {
      if (hasHome || !isMountFailure(error)) throw error;
      await this.#deps.homes.replaceUnmountable(student, uid, this.#image, messageOf(error));
      await this.#updateOwner(spec, false, progress);
      await this.#deps.docker.createContainer(options);
    }
  }

  /** Gives the home the student's uid. No container of the student exists. */
  async #updateOwner(
    { student, uid }: EnvironmentSpec,
    hasContent: boolean,
    progress: Progress,
  ): Promise<void> {
    const { instance } = this.#deps.settings;
    if (hasContent) progress.step('home', `Updating the owner of ${student}'s home`);
    await setHomeOwner({ docker: this.#deps.docker, image: this.#image, instance, student, uid });
    if (hasContent) progress.done('home', `The owner of ${student}'s home is current`);
  }
}
