/**
 * Keeps environments from resolving classmates' names: each asks the host's name servers, and Docker's own name server is
 * closed in it. Follows changes of the host's name servers, as on a laptop that changes networks.
 */
import { join, sep } from 'node:path';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings-schema.ts';
import { closeEngineResolver } from './engine-resolver.ts';
import { writeMountedFile } from './mounted-file.ts';
import {
  needsEngineResolver,
  placeResolverFile,
  RESOLVER_FILE,
  resolverFile,
  studentResolvers,
} from './name-servers.ts';
import { networkOf } from './network.ts';

/** Pause between two comparisons with the host's name servers. */
const CHECK_INTERVAL_MS = 15_000;

export interface NameResolutionDeps {
  docker: Docker;
  settings: Pick<Settings, 'resolvers' | 'instance' | 'stateDir'>;
  log: Log;
  clock: Clock;
  /** Called when the name servers have changed while students run: the firewall must let them through. */
  onChanged(): Promise<void>;
  /** The content of the environments' `/etc/resolv.conf`. */
  readFile?(): string;
}

export class NameResolution {
  readonly #deps: NameResolutionDeps;
  readonly #readFile: () => string;
  /** Endpoints in which Docker's name server is closed or could not be closed. An environment gets a new one at each start. */
  readonly #handled = new Set<string>();

  constructor(deps: NameResolutionDeps) {
    this.#deps = deps;
    this.#readFile = deps.readFile ?? (() => resolverFile(studentResolvers(deps.settings.resolvers)));
  }

  /** Writes the environment's file before its container starts. */
  place(folder: string): void {
    placeResolverFile(folder, this.#readFile());
  }

  /** Closes Docker's name server in an environment that has just started. Never rejects: the student can work without. */
  async onStarted(container: Docker.Container, image: string): Promise<void> {
    if (needsEngineResolver(this.#readFile())) return;
    const { name } = networkOf(this.#deps.settings.instance);
    const details = await container.inspect().catch(() => null);
    const endpoint = details?.NetworkSettings.Networks[name]?.EndpointID;
    if (details && endpoint) await this.#close({ containerId: details.Id, endpoint, image });
  }

  async #close({
    containerId,
    endpoint,
    image,
  }: {
    containerId: string;
    endpoint: string;
    image: string;
  }): Promise<void> {
    if (this.#handled.has(endpoint)) return;
    const { docker, settings, log } = this.#deps;
    this.#handled.add(endpoint);
    const { bridge } = networkOf(settings.instance);
    await closeEngineResolver(docker, { containerId, image, bridge }).catch((err) =>
      log.warn({ err, containerId }, "could not close Docker's name server: the student sees others' names"),
    );
  }

  /**
   * Every 15 s until the signal aborts, the first time at once: writes changed name servers into the running
   * environments, and closes Docker's name server in those that were started without this daemon.
   */
  async watch(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#deps;
    while (!signal.aborted) {
      await this.#update(signal).catch((err) => log.warn({ err }, "could not check students' name servers"));
      await clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  async #update(signal: AbortSignal): Promise<void> {
    const content = this.#readFile();
    // Without a network the host may have no name server for a while. Docker's one may be closed already.
    if (needsEngineResolver(content)) return;
    const { docker, settings, onChanged } = this.#deps;
    const { name } = networkOf(settings.instance);
    const filters = { label: [`devenv.instance=${settings.instance}`], status: ['running'] };
    const folders = join(settings.stateDir, 'agents') + sep;
    let hasChanged = false;
    const running = (await docker.listContainers({ filters })).flatMap(
      ({ Id, ImageID, Mounts, NetworkSettings }) => {
        // Environments of an earlier devenv have no such file, and need Docker's name server.
        const file = Mounts.find((each) => each.Destination === `/etc/${RESOLVER_FILE}`)?.Source;
        const endpoint = NetworkSettings.Networks[name]?.EndpointID;
        if (!file?.startsWith(folders) || !endpoint) return [];
        hasChanged = writeMountedFile(file, content) || hasChanged;
        return [{ containerId: Id, endpoint, image: ImageID }];
      },
    );
    if (hasChanged) await onChanged();
    for (const each of running) {
      if (signal.aborted) return;
      await this.#close(each);
    }
  }
}
