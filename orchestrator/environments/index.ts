/**
 * The students' environments in Docker. No other module calls the engine, except clients of terminals, which run the
 * environment's `sshd -i` in it.
 */
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { AccessInfo, Diagnostic, EgressPolicy, Progress, StudentImage } from '../domain.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { RELAY_PORT } from '../protocol/constants.ts';
import type { Settings } from '../settings-schema.ts';
import { placeAccountFiles } from './account-files.ts';
import { readContainerLog } from './container-log.ts';
import { containerName, containerOptions, sizeInBytes, userOf } from './container-options.ts';
import { diagnoseEngine } from './diagnostics.ts';
import { connectEngine } from './engine.ts';
import { explainEngineError, isMountFailure, isStatus } from './engine-errors.ts';
import { watchEngine } from './engine-events.ts';
import { imageInUse, listEnvironments } from './engine-inventory.ts';
import { FirewallMonitor } from './firewall-monitor.ts';
import { lowestFreeUid } from './free-uid.ts';
import { removeOwnerHelper, setHomeOwner } from './home-owner.ts';
import { Homes } from './homes.ts';
import { memoryPeak } from './memory-peak.ts';
import { NameResolution } from './name-resolution.ts';
import { networkOf, refuseForeignNetwork } from './network.ts';
import { repairPort } from './port-repair.ts';
import { type ImageBuilder, Preparation } from './preparation.ts';
import { placePublicKey } from './ssh-keys.ts';
import { parseStarter, placeStarter } from './starter.ts';
import { inspectContainer, killAgent, removeContainer, stopContainer } from './student-container.ts';
import { StudentImages } from './student-image.ts';
import { limitTcpMemory } from './tcp-memory.ts';
import { removeTerminals } from './terminals.ts';
import type {
  ContainerLogLine,
  EnvironmentChange,
  EnvironmentSpec,
  Environments,
  ObservedEnvironment,
  StartOptions,
} from './types.ts';

export { connectEngine, ensureEngine } from './engine.ts';
export { raiseHostLimits } from './host-limits.ts';
export { privateKeyPath } from './ssh-keys.ts';

export interface EnvironmentsDeps {
  settings: Settings;
  log: Log;
  clock: Clock;
  /** Builds the student image; by default from this checkout. */
  images?: ImageBuilder;
}

class DockerEnvironments implements Environments {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #docker: Docker;
  readonly #firewall: FirewallMonitor;
  readonly #names: NameResolution;
  readonly #homes: Homes;
  readonly #preparation: Preparation;

  constructor({ settings, log, clock, images }: EnvironmentsDeps) {
    const docker = connectEngine();
    this.#settings = settings;
    this.#clock = clock;
    this.#docker = docker;
    this.#firewall = new FirewallMonitor({ docker, settings, log, clock });
    this.#names = new NameResolution({
      docker,
      settings,
      log,
      clock,
      onChanged: () => this.#reinstallFirewall(),
    });
    const limitBytes = sizeInBytes(settings.limits.home);
    this.#homes = new Homes({ docker, instance: settings.instance, limitBytes, log });
    this.#preparation = new Preparation({
      docker,
      settings,
      images: images ?? new StudentImages({ docker, settings, clock }),
    });
  }

  async claimInstance(): Promise<void> {
    try {
      await refuseForeignNetwork(this.#docker, this.#settings);
    } catch (error) {
      throw explainEngineError(error, 'check for other installations');
    }
  }

  prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    return this.#preparation.run(progress, signal);
  }

  get currentImage(): string | null {
    return this.#preparation.currentImage;
  }

  async findImage(): Promise<void> {
    await this.#preparation.findImage();
  }

  update(progress: Progress, signal: AbortSignal): Promise<StudentImage> {
    return this.#preparation.update(progress, signal);
  }

  async create(
    spec: EnvironmentSpec,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<{ newHome: boolean }> {
    const { student, port } = spec;
    const newHome = !(await this.#homes.has(student));
    try {
      await this.start(spec, progress, signal, { newHome: true });
      signal.throwIfAborted();
      return { newHome };
    } catch (error) {
      await this.remove(student, !newHome);
      throw explainEngineError(error, `create ${student}'s environment`, port);
    }
  }

  async start(
    spec: EnvironmentSpec,
    progress: Progress,
    signal: AbortSignal,
    { newHome }: StartOptions,
  ): Promise<void> {
    const { student, port } = spec;
    const starter = parseStarter(this.#settings.starter);
    progress.step('environment', `Starting ${student}'s environment`);
    try {
      placePublicKey(this.#settings.stateDir, this.socketDir(spec.socketId));
      placeAccountFiles(this.socketDir(spec.socketId), spec.uid);
      this.#names.place(this.socketDir(spec.socketId));
      const container = this.#container(student);
      const existing = await inspectContainer(container);
      if (existing?.State.Paused) {
        await this.#firewall.install(this.#image);
        await container.unpause();
      }
      if (existing?.State.Running) return;
      if (existing === null) await removeTerminals(this.#docker, this.#settings.instance, student);
      const hasHome = await this.#homes.has(student);
      // Docker would create an empty volume.
      if (!hasHome && !newHome) throw this.#homes.missing(student);
      // Both steps are awaited even if one fails: a container that is still being created can't be undone.
      const steps = await Promise.allSettled([
        this.#firewall.install(this.#image),
        this.#ensureCurrentContainer(spec, { existing, hasHome, newHome }, progress),
      ]);
      for (const step of steps) if (step.status === 'rejected') throw step.reason;
      signal.throwIfAborted();
      await container.start();
      await limitTcpMemory(container, sizeInBytes(this.#settings.limits.memory));
      await Promise.all([
        this.#firewall.onStarted(this.#image),
        this.#names.onStarted(container, this.#image),
        hasHome ? undefined : placeStarter(container, starter, spec.uid, signal),
      ]);
      progress.done('environment', `${student}'s environment is running`);
    } catch (error) {
      throw explainEngineError(error, `start ${student}'s environment`, port);
    }
  }

  /** Installs the firewall with the rules of the moment, if any environment runs. */
  async #reinstallFirewall(): Promise<void> {
    const image = await imageInUse(this.#docker, this.#settings.instance);
    if (image !== null) await this.#firewall.install(image);
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
    const network = networkOf(this.#settings.instance).name;
    const options = containerOptions(spec, this.#settings, {
      image: this.#image,
      network,
      socketDir: this.socketDir(spec.socketId),
      disk: this.#preparation.disk,
      isRemapped: this.#preparation.isRemapped,
    });
    if (existing !== null) {
      const isCurrent = existing.Config.Labels['devenv.spec'] === options.Labels?.['devenv.spec'];
      const isConnected = existing.NetworkSettings.Networks[network] !== undefined;
      // Without a home, Docker would create an empty volume that belongs to another user.
      const isUsable = isCurrent && hasHome && isConnected;
      if (isUsable && !(await this.#homes.mustMove(student, uid, this.#image))) {
        await this.#homes.ensure(home);
        return;
      }
      await removeContainer(this.#container(student), student);
      await removeTerminals(this.#docker, this.#settings.instance, student);
    }
    const { hasOwner } = await this.#homes.ensure(home);
    // A container is created after its home has got the owner, so the home of one with this user has it.
    if (!hasOwner && (!hasHome || existing?.Config.User !== userOf(uid)))
      await this.#updateOwner(spec, hasHome, progress);
    // Not abortable: the engine may create the container after the request was given up, and nothing would remove it.
    try {
      await this.#docker.createContainer(options);
    } catch (error) {
      if (hasHome || !isMountFailure(error)) throw error;
      await this.#homes.replaceUnmountable(student, uid, this.#image, messageOf(error));
      await this.#updateOwner(spec, false, progress);
      await this.#docker.createContainer(options);
    }
  }

  /** Gives the home the student's uid. No container of the student exists. */
  async #updateOwner(
    { student, uid }: EnvironmentSpec,
    hasContent: boolean,
    progress: Progress,
  ): Promise<void> {
    const { instance } = this.#settings;
    if (hasContent) progress.step('home', `Updating the owner of ${student}'s home`);
    await setHomeOwner({ docker: this.#docker, image: this.#image, instance, student, uid });
    if (hasContent) progress.done('home', `The owner of ${student}'s home is current`);
  }

  stop(student: string): Promise<void> {
    return stopContainer(this.#container(student), student);
  }

  async remove(student: string, keepHome: boolean): Promise<void> {
    await removeContainer(this.#container(student), student);
    await removeOwnerHelper(this.#docker, this.#settings.instance, student);
    await removeTerminals(this.#docker, this.#settings.instance, student);
    if (!keepHome) await this.#homes.remove(student, await this.#anyImage());
  }

  async applyHomeLimit({ student, uid }: EnvironmentSpec): Promise<void> {
    const image = await this.#anyImage();
    if (image !== null) await this.#homes.applyLimit(student, uid, image);
  }

  /** An image for helpers, as far as there is one; null without any. */
  async #anyImage(): Promise<string | null> {
    const { image } = this.#preparation;
    if (image !== null) return image;
    const [any] = await this.#docker.listImages({ filters: { label: ['devenv.image=student'] } });
    return any?.Id ?? null;
  }

  list(): Promise<ObservedEnvironment[]> {
    return listEnvironments(this.#docker, this.#settings.instance);
  }

  freeUid(taken: ReadonlySet<number>): Promise<number> {
    return lowestFreeUid(this.#docker, this.#settings.firstUid, taken);
  }

  restartAgent(student: string): Promise<void> {
    return killAgent(this.#container(student));
  }

  repairPort(student: string, port: number): Promise<boolean> {
    const network = networkOf(this.#settings.instance).name;
    const [docker, clock] = [this.#docker, this.#clock];
    return repairPort({ docker, container: this.#container(student), network, port, clock });
  }

  async relayAddress(student: string): Promise<{ host: string; port: number } | null> {
    const state = await inspectContainer(this.#container(student));
    const network = networkOf(this.#settings.instance).name;
    const host = state?.NetworkSettings.Networks[network]?.IPAddress;
    return state?.State.Running && host ? { host, port: RELAY_PORT } : null;
  }

  access({ student, hostname, url }: EnvironmentSpec): AccessInfo {
    return {
      container: containerName(this.#settings.instance, student),
      // The container has the hostname of its creation; the setting may have changed since.
      command: ['env', `DEVENV_HOSTNAME=${hostname}`, `DEVENV_URL=${url}`, '/usr/lib/devenv/sshd.sh'],
    };
  }

  async setEgress(policy: EgressPolicy): Promise<void> {
    try {
      const { instance } = this.#settings;
      await this.#firewall.setEgress(policy, await imageInUse(this.#docker, instance));
    } catch (error) {
      throw explainEngineError(error, 'change what students reach');
    }
  }

  async logs(student: string, lines: number): Promise<ContainerLogLine[]> {
    try {
      return await readContainerLog(this.#container(student), lines);
    } catch (error) {
      if (isStatus(error, 404)) return [];
      throw explainEngineError(error, `read the log of ${student}'s environment`);
    }
  }

  socketDir(socketId: string): string {
    return join(this.#settings.stateDir, 'agents', socketId);
  }

  async watch(onChange: (change: EnvironmentChange) => void, signal: AbortSignal): Promise<void> {
    const { instance, limits } = this.#settings;
    await Promise.all([
      this.#firewall.watch(
        () => imageInUse(this.#docker, instance),
        (problem) => onChange({ kind: 'network', problem }),
        signal,
      ),
      this.#names.watch(signal),
      watchEngine(this.#docker, {
        instance,
        limitBytes: sizeInBytes(limits.memory),
        peakBytes: (student) => memoryPeak(this.#container(student)),
        onChange,
        signal,
        clock: this.#clock,
      }),
    ]);
  }

  async diagnose(): Promise<Diagnostic[]> {
    return diagnoseEngine({
      docker: this.#docker,
      settings: this.#settings,
      clock: this.#clock,
      currentImage: () => this.#preparation.findImage(),
      imageInUse: await imageInUse(this.#docker, this.#settings.instance).catch(() => null),
      networkProblem: this.#firewall.problem,
      checkFirewall: (image) => this.#firewall.check(image),
      unlimitedReason: this.#homes.unlimitedReason,
    });
  }

  get #image(): string {
    const { image } = this.#preparation;
    if (image === null) throw new Error('prepare() must run before an environment is created or started');
    return image;
  }

  #container(student: string): Docker.Container {
    return this.#docker.getContainer(containerName(this.#settings.instance, student));
  }
}

/** The environments of this instance. Connects to nothing yet. Throws `bad-settings` for a wrong `starter`. */
export function createEnvironments(deps: EnvironmentsDeps): Environments {
  parseStarter(deps.settings.starter);
  return new DockerEnvironments(deps);
}
