/** Sees to it that the firewall stands: before every start of a student, and from time to time while any runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Log } from '../log.ts';
import type { Settings } from '../settings-schema.ts';
import { isFirewallUp, putFirewall, removeLeftHelpers } from './firewall-helper.ts';
import { type FirewallRules, firewallRules, hostResolvers } from './firewall-rules.ts';
import { networkOf } from './network.ts';

/** How often it is looked at while students run, in ms: the longest that a firewall reload can leave it away. */
const LOOK_EVERY = 20_000;

export class FirewallMonitor {
  readonly #docker: Docker;
  readonly #settings: Settings;
  readonly #log: Log;
  #ensuring: Promise<void> | null = null;

  constructor(docker: Docker, settings: Settings, log: Log) {
    this.#docker = docker;
    this.#settings = settings;
    this.#log = log;
  }

  #rules(): FirewallRules {
    const { resolvers, allow, instance } = this.#settings;
    const { bridge } = networkOf(instance);
    return firewallRules({
      bridge,
      allow,
      resolvers: resolvers.length > 0 ? resolvers : hostResolvers(),
    });
  }

  /** Puts it in place, whether it stood or not: one helper either way. Students who start at once share it. */
  ensure(image: string): Promise<void> {
    this.#ensuring ??= putFirewall(this.#docker, image, this.#rules()).finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  stands(image: string): Promise<boolean> {
    return isFirewallUp(this.#docker, image, this.#rules());
  }

  /**
   * Takes away what a killed daemon left, and looks until the signal aborts. `imageIfNeeded` resolves to null while no
   * student runs. The first look is at once: the firewall may have gone while nobody looked.
   */
  watch(imageIfNeeded: () => Promise<string | null>, signal: AbortSignal): void {
    const { bridge } = networkOf(this.#settings.instance);
    removeLeftHelpers(this.#docker, bridge, performance.timeOrigin).catch((err) =>
      this.#log.warn({ err }, 'helpers were left'),
    );
    const look = async () => {
      const image = await imageIfNeeded();
      if (image === null || (await this.stands(image))) return;
      this.#log.warn("the students' firewall was gone: putting it back");
      await this.ensure(image);
    };
    void (async () => {
      while (!signal.aborted) {
        await look().catch((err) => this.#log.error({ err }, 'the firewall could not be looked at'));
        await sleep(LOOK_EVERY, undefined, { signal }).catch(() => undefined);
      }
    })();
  }
}
