/**
 * The students' environments in Docker. No other module calls the engine, except clients of terminals, which run the
 * environment's `sshd -i` in it.
 */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { AccessInfo, Diagnostic, EgressPolicy, Progress, StudentImage } from '../domain.ts';
import { sizeInBytes } from '../limits-settings.ts';
import type { Log } from '../log.ts';
import { RELAY_PORT } from '../protocol/constants.ts';
import type { Settings } from '../settings-schema.ts';
import { readContainerLog } from './container-log.ts';
import { containerName } from './container-options.ts';
import { diagnoseEngine } from './diagnostics.ts';
import { connectEngine } from './engine.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';
import { watchEngine } from './engine-events.ts';
import { imageInUse, listEnvironments } from './engine-inventory.ts';
import { EnvironmentStart, socketDirOf } from './environment-start.ts';
import { FirewallMonitor } from './firewall-monitor.ts';
import { tryFirewall } from './firewall-trial.ts';
import { lowestFreeUid } from './free-uid.ts';
import { removeOwnerHelper } from './home-owner.ts';
import { Homes } from './homes.ts';
import { memoryPeak } from './memory-peak.ts';
import { NameResolution } from './name-resolution.ts';
import { networkOf, refuseForeignNetwork } from './network.ts';
import { repairPort } from './port-repair.ts';
import { type ImageBuilder, Preparation } from './preparation.ts';
import { parseStarter } from './starter.ts';
import { addressIn, killAgent, removeContainer, stopContainer } from './student-container.ts';
import { StudentImages } from './student-image.ts';
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
  readonly #starting: EnvironmentStart;

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
    this.#starting = new EnvironmentStart({
      docker,
      settings,
      firewall: this.#firewall,
      names: this.#names,
      homes: this.#homes,
      preparation: this.#preparation,
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

  start(
    spec: EnvironmentSpec,
    progress: Progress,
    signal: AbortSignal,
    options: StartOptions,
  ): Promise<void> {
    return this.#starting.run(spec, progress, signal, options);
  }

  /** Installs the firewall with the rules of the moment, if any environment runs. */
  async #reinstallFirewall(): Promise<void> {
    const image = await imageInUse(this.#docker, this.#settings.instance);
    if (image !== null) await this.#firewall.install(image);
  }

  stop(student: string): Promise<void> {
    return stopContainer(this.#container(student), student);
  }

  async remove(student: string, keepHome: boolean): Promise<void> {
    await removeContainer(this.#container(student), student);
    await removeOwnerHelper(this.#docker, this.#settings.instance, student);
    await removeTerminals(this.#docker, this.#settings.instance, student);
    if (!keepHome) await this.#homes.remove(student, await this.#preparation.anyImage());
  }

  async applyHomeLimit({ student, uid }: EnvironmentSpec): Promise<void> {
    const image = await this.#preparation.anyImage();
    if (image !== null) await this.#homes.applyLimit(student, uid, image);
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
    const network = networkOf(this.#settings.instance).name;
    const host = await addressIn(network, this.#container(student));
    return host === null ? null : { host, port: RELAY_PORT };
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
    return socketDirOf(this.#settings, socketId);
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
      tryFirewall: (image) =>
        tryFirewall({ docker: this.#docker, image, network: networkOf(this.#settings.instance) }),
    });
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
