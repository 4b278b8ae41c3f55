/**
 * The students' environments in Docker: made, started, stopped, removed, watched. The outside of this folder;
 * nothing else of devenv speaks to the engine (but the terminal's client, which runs its `sshd -i` there).
 */
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { AccessInfo, Diagnostic, Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings-schema.ts';
import { readContainerLog } from './container-log.ts';
import { containerName, containerOptions, sizeInBytes } from './container-options.ts';
import { examine } from './diagnostics.ts';
import { connectEngine } from './engine.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';
import { watchEngine } from './engine-events.ts';
import { imageInUse, listEnvironments } from './engine-inventory.ts';
import { execInContainer } from './exec-in-container.ts';
import { FirewallMonitor } from './firewall-monitor.ts';
import { Homes } from './homes.ts';
import { memoryPeak } from './memory-peak.ts';
import { ensureNetwork, networkOf, refuseForeignNetwork } from './network.ts';
import { placePublicKey } from './ssh-keys.ts';
import { parseStarter, placeStarter } from './starter.ts';
import { ensureStudentImage } from './student-image.ts';
import type {
  ContainerLogLine,
  EnvironmentChange,
  EnvironmentSpec,
  Environments,
  ObservedEnvironment,
} from './types.ts';

export { connectEngine, ensureEngine } from './engine.ts';
export { privateKeyPath } from './ssh-keys.ts';

/** Seconds that a container has to end by itself before it is killed. */
const STOP_SECONDS = 3;

class DockerEnvironments implements Environments {
  readonly #settings: Settings;
  readonly #docker: Docker;
  readonly #firewall: FirewallMonitor;
  readonly #homes: Homes;
  #preparing: Promise<void> | null = null;
  #image: string | null = null;

  constructor(settings: Settings, log: Log) {
    this.#settings = settings;
    this.#docker = connectEngine();
    this.#firewall = new FirewallMonitor(this.#docker, settings, log);
    this.#homes = new Homes(this.#docker, settings.instance);
  }

  /** One preparation serves all who ask for it while it runs; one that its asker cancels is taken up by the next. */
  async prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    while (this.#preparing !== null) {
      const failure = await this.#preparing.then(
        () => null,
        (error: unknown) => error,
      );
      if (failure === null) return;
      if (!(failure instanceof DevenvError) || failure.code !== 'cancelled') throw failure;
    }
    this.#preparing = this.#prepare(progress, signal).finally(() => {
      this.#preparing = null;
    });
    await this.#preparing;
  }

  async #prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    try {
      const shared = {
        docker: this.#docker,
        settings: this.#settings,
        progress,
        signal,
      };
      this.#image = await ensureStudentImage(shared);
      await ensureNetwork(this.#docker, this.#settings);
    } catch (error) {
      throw explainEngineError(error, 'prepare the image and the network', null);
    }
  }

  #container(student: string): Docker.Container {
    return this.#docker.getContainer(containerName(this.#settings.instance, student));
  }

  #options(spec: EnvironmentSpec): Docker.ContainerCreateOptions {
    if (this.#image === null) throw new Error('prepare() comes before any environment');
    const network = networkOf(this.#settings.instance).name;
    return containerOptions(spec, this.#settings, {
      image: this.#image,
      network,
      socketDir: this.socketDir(spec.socketId),
    });
  }

  async create(
    spec: EnvironmentSpec,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<{ newHome: boolean }> {
    const starter = parseStarter(this.#settings.starter);
    const newHome = !(await this.#homes.has(spec.student));
    try {
      await this.start(spec, progress, signal);
      if (newHome) await placeStarter(this.#container(spec.student), starter, signal);
      signal.throwIfAborted();
      return { newHome };
    } catch (error) {
      await this.remove(spec.student, !newHome);
      throw explainEngineError(error, `create ${spec.student}'s environment`, {
        name: spec.student,
        port: spec.port,
      });
    }
  }

  async start(spec: EnvironmentSpec, progress: Progress, signal: AbortSignal): Promise<void> {
    const { student } = spec;
    progress.step('environment', `Starting ${student}'s environment`);
    try {
      placePublicKey(this.#settings.stateDir, this.socketDir(spec.socketId));
      const options = this.#options(spec);
      const container = this.#container(student);
      const found = await container.inspect().catch((error) => {
        if (isStatus(error, 404)) return null;
        throw error;
      });
      if (found?.State.Paused) {
        await this.#firewall.ensure(this.#image ?? '');
        await container.unpause();
      }
      if (found?.State.Running) return;
      const isCurrent = found?.Config.Labels['devenv.spec'] === options.Labels?.['devenv.spec'];
      // Both are waited for, whatever becomes of one: what is still being made can't be undone.
      const steps = await Promise.allSettled([
        this.#firewall.ensure(this.#image ?? ''),
        isCurrent ? null : this.#makeContainer(student, options, found !== null),
      ]);
      for (const step of steps) if (step.status === 'rejected') throw step.reason;
      signal.throwIfAborted();
      await container.start();
      progress.done('environment', `${student}'s environment runs`);
    } catch (error) {
      throw explainEngineError(error, `start ${student}'s environment`, {
        name: student,
        port: spec.port,
      });
    }
  }

  /** Made anew where image or settings have changed: all that lasts is in the home. */
  async #makeContainer(
    student: string,
    options: Docker.ContainerCreateOptions,
    isThere: boolean,
  ): Promise<void> {
    if (isThere) await this.#container(student).remove({ force: true });
    await this.#homes.ensure(student);
    // Not abortable: a request that is given up may still make the container, after we have looked for it.
    await this.#docker.createContainer(options);
  }

  async stop(student: string): Promise<void> {
    try {
      await this.#container(student).stop({ t: STOP_SECONDS });
    } catch (error) {
      // 304: stopped already; 404: there is none.
      if (!isStatus(error, 304, 404)) throw explainEngineError(error, `stop ${student}'s environment`, null);
    }
  }

  async remove(student: string, keepHome: boolean): Promise<void> {
    try {
      await this.#container(student).remove({ force: true, v: false });
    } catch (error) {
      // 409: somebody else is removing it this moment.
      if (!isStatus(error, 404, 409))
        throw explainEngineError(error, `remove ${student}'s environment`, null);
    }
    if (!keepHome) await this.#homes.remove(student);
  }

  async claimInstance(): Promise<void> {
    try {
      await refuseForeignNetwork(this.#docker, this.#settings);
    } catch (error) {
      throw explainEngineError(error, 'look for other installations', null);
    }
  }

  list(): Promise<ObservedEnvironment[]> {
    return listEnvironments(this.#docker, this.#settings.instance);
  }

  async restartAgent(student: string): Promise<void> {
    // -f: its command line names it; a student's look-alike that goes with it is the student's own doing.
    await execInContainer(this.#container(student), [
      'pkill',
      '-KILL',
      '-f',
      '/usr/lib/devenv/hooks/agent/main.js',
    ]);
  }

  async logs(student: string, lines: number): Promise<ContainerLogLine[]> {
    try {
      return await readContainerLog(this.#container(student), lines);
    } catch (error) {
      if (isStatus(error, 404)) return [];
      throw explainEngineError(error, `read what ${student}'s environment has printed`, null);
    }
  }

  access({ student, hostname, url }: EnvironmentSpec): AccessInfo {
    return {
      container: containerName(this.#settings.instance, student),
      user: '1000:1000',
      // What the environment was made with may be old: hostnames follow the settings while it runs.
      command: ['env', `DEVENV_HOSTNAME=${hostname}`, `DEVENV_URL=${url}`, '/usr/lib/devenv/sshd.sh'],
    };
  }

  socketDir(socketId: string): string {
    return join(this.#settings.stateDir, 'agents', socketId);
  }

  async watch(onChange: (change: EnvironmentChange) => void, signal: AbortSignal): Promise<void> {
    const { instance, limits } = this.#settings;
    this.#firewall.watch(() => imageInUse(this.#docker, instance), signal);
    await watchEngine(this.#docker, {
      instance,
      limitBytes: sizeInBytes(limits.memory),
      peakBytes: (student) => memoryPeak(this.#container(student)),
      onChange,
      signal,
    });
  }

  async diagnose(): Promise<Diagnostic[]> {
    const image = await imageInUse(this.#docker, this.#settings.instance).catch(() => null);
    return examine(this.#docker, this.#settings, { image: this.#image, inUse: image }, (each) =>
      this.#firewall.stands(each),
    );
  }
}

/** The environments of this instance. Connects to nothing yet. Throws `bad-settings` for a wrong `starter` or `allow`. */
export function createEnvironments(options: { settings: Settings; log: Log }): Environments {
  parseStarter(options.settings.starter);
  return new DockerEnvironments(options.settings, options.log);
}
