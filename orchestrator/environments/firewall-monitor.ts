/** Keeps the firewall active: installs it before students start, and checks it periodically while any run. */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings-schema.ts';
import { installFirewall, isFirewallActive, removeStaleHelpers } from './firewall-helper.ts';
import { type FirewallRules, firewallRules, hostResolvers } from './firewall-rules.ts';
import { networkOf } from './network.ts';

/** The longest time for which a firewall reload of the host can leave students without ours. */
const CHECK_INTERVAL_MS = 20_000;

export interface FirewallMonitorDeps {
  docker: Docker;
  settings: Pick<Settings, 'resolvers' | 'allow' | 'instance'>;
  log: Log;
  clock: Clock;
}

export class FirewallMonitor {
  readonly #deps: FirewallMonitorDeps;
  #installing: Promise<void> | null = null;

  constructor(deps: FirewallMonitorDeps) {
    this.#deps = deps;
  }

  #rules(): FirewallRules {
    const { resolvers, allow, instance } = this.#deps.settings;
    const { bridge } = networkOf(instance);
    return firewallRules({
      bridge,
      allow,
      resolvers: resolvers.length > 0 ? resolvers : hostResolvers(),
    });
  }

  /** Installs the firewall, whether or not it is active. Students who start at once share one installation. */
  install(image: string): Promise<void> {
    this.#installing ??= installFirewall(this.#deps.docker, image, this.#rules()).finally(() => {
      this.#installing = null;
    });
    return this.#installing;
  }

  isActive(image: string): Promise<boolean> {
    return isFirewallActive(this.#deps.docker, image, this.#rules());
  }

  /**
   * Removes the helpers of a killed daemon, then checks the firewall every 20 s until the signal aborts; the first time
   * at once, since the firewall may have been removed while no daemon ran. `imageIfNeeded` resolves to null while no
   * student runs.
   */
  async watch(imageIfNeeded: () => Promise<string | null>, signal: AbortSignal): Promise<void> {
    const { docker, settings, log, clock } = this.#deps;
    const { bridge } = networkOf(settings.instance);
    removeStaleHelpers(docker, bridge, performance.timeOrigin).catch((err) =>
      log.warn({ err }, 'could not remove the firewall helpers of an earlier daemon'),
    );
    while (!signal.aborted) {
      await this.#check(imageIfNeeded).catch((err) => log.error({ err }, 'could not check the firewall'));
      await clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  async #check(imageIfNeeded: () => Promise<string | null>): Promise<void> {
    const image = await imageIfNeeded();
    if (image === null || (await this.isActive(image))) return;
    this.#deps.log.warn("the students' firewall was not active: installing it");
    await this.install(image);
  }
}
