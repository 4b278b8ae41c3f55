/**
 * Keeps the firewall active: installs it before students start, and checks it periodically while any run. Where that
 * fails, the students' network is disconnected and the problem is reported until it succeeds.
 */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import { type EgressPolicy, egressOf } from '../domain.ts';
import { DevenvError, isSameProblem, type Problem, TELL_INSTRUCTOR } from '../errors.ts';
import type { Log } from '../log.ts';
import { Mutex } from '../mutex.ts';
import type { Settings } from '../settings-schema.ts';
import {
  checkFirewall,
  ensureFirewall,
  type FirewallState,
  installFirewall,
  removeStaleHelpers,
} from './firewall-helper.ts';
import { type FirewallRules, firewallRules } from './firewall-rules.ts';
import { studentResolvers } from './name-servers.ts';
import { networkOf } from './network.ts';
import type { Limits } from './traffic-limits.ts';

/** Pause between two checks. With the check itself, a flushed firewall is active again within 20 s. */
const CHECK_INTERVAL_MS = 15_000;

export interface FirewallMonitorDeps {
  docker: Docker;
  settings: Pick<Settings, 'resolvers' | 'allow' | 'deny' | 'allowMail' | 'instance'> & { limits: Limits };
  log: Log;
  clock: Clock;
}

/** The problem of a firewall that could not be installed. */
function problemOf({ reason, isDisconnected }: { reason: string; isDisconnected: boolean }): Problem {
  const effect = isDisconnected
    ? 'Until it can be, students have no network and their links do not answer'
    : 'Students may reach each other and this host';
  return {
    code: 'network',
    what: `The students' firewall could not be installed: ${reason}. ${effect}.`,
    next: isDisconnected
      ? `devenv tries again every ${CHECK_INTERVAL_MS / 1000} s. Restart Docker (\`systemctl restart docker\`); if that does not help, try \`iptables -S\` as root.`
      : 'Stop them with `devenv stop NAME`, then restart Docker: `systemctl restart docker`.',
    nextForStudent: TELL_INSTRUCTOR,
  };
}

export class FirewallMonitor {
  readonly #deps: FirewallMonitorDeps;
  /** One helper at a time, so that the newest rules win. */
  readonly #helpers = new Mutex();
  #installing: Promise<FirewallState> | null = null;
  #policy: EgressPolicy = { everyone: 'internet', exceptions: {} };
  #problem: Problem | null = null;
  /** The image of the newest helper: checks continue with it while a problem keeps every student from running. */
  #image: string | null = null;
  #onProblem: (problem: Problem | null) => void = () => undefined;

  constructor(deps: FirewallMonitorDeps) {
    this.#deps = deps;
  }

  /** Why the students' network is disconnected; null while the firewall is active. */
  get problem(): Problem | null {
    return this.#problem;
  }

  /** Whether some students reach nothing. */
  get #isRestricted(): boolean {
    const { everyone, exceptions } = this.#policy;
    return [everyone, ...Object.values(exceptions)].includes('none');
  }

  /** Addresses of the running environments whose students reach the internet; null: all do. */
  async #sources(): Promise<string[] | null> {
    if (!this.#isRestricted) return null;
    const { instance } = this.#deps.settings;
    const filters = { label: [`devenv.instance=${instance}`] };
    const containers = await this.#deps.docker.listContainers({ filters });
    return containers
      .filter(({ Labels }) => egressOf(this.#policy, Labels['devenv.student'] ?? '') === 'internet')
      .map(({ NetworkSettings }) => NetworkSettings.Networks[networkOf(instance).name]?.IPAddress ?? '')
      .filter((address) => address !== '')
      .sort();
  }

  async #rules(): Promise<FirewallRules> {
    const { resolvers, allow, deny, allowMail, instance, limits } = this.#deps.settings;
    const { bridge } = networkOf(instance);
    return firewallRules({
      bridge,
      allow,
      deny,
      allowMail,
      limits,
      sources: await this.#sources(),
      resolvers: studentResolvers(resolvers),
    });
  }

  /**
   * Installs the firewall, whether or not it is active. Students who start at once share one installation. Throws
   * `network` on failure: then no student may be started.
   */
  async install(image: string): Promise<void> {
    this.#installing ??= this.#run(installFirewall, image).finally(() => {
      this.#installing = null;
    });
    this.#record(image, await this.#installing);
    this.#throwProblem();
  }

  #throwProblem(): void {
    if (this.#problem !== null) throw new DevenvError(this.#problem);
  }

  /** Sets what students reach. `image`: of an environment that runs, or null. Throws `network` on failure. */
  async setEgress(policy: EgressPolicy, image: string | null): Promise<void> {
    this.#policy = policy;
    if (image === null) return;
    this.#record(image, await this.#run(installFirewall, image));
    this.#throwProblem();
  }

  /** An environment has started: while others have no internet, the rules must name its address. Throws `network`. */
  async onStarted(image: string): Promise<void> {
    if (this.#isRestricted) await this.setEgress(this.#policy, image);
  }

  /** Runs a helper with the rules of the moment at which it starts. */
  #run(helper: typeof installFirewall, image: string): Promise<FirewallState> {
    return this.#helpers.run(async () => helper(this.#deps.docker, image, await this.#rules()));
  }

  /** What a check finds; changes nothing. */
  check(image: string): Promise<FirewallState> {
    return this.#run(checkFirewall, image);
  }

  #record(image: string, state: FirewallState): void {
    const { log } = this.#deps;
    this.#image = image;
    const before = this.#problem;
    this.#problem = state.kind === 'active' ? null : problemOf(state);
    if (state.kind === 'active' && state.wasInstalled)
      log.warn("the students' firewall was not active: it was installed again");
    if (isSameProblem(before, this.#problem)) return;
    if (this.#problem === null) log.info("the students' firewall is active again");
    else log.error({ problem: this.#problem }, this.#problem.what);
    this.#onProblem(this.#problem);
  }

  /**
   * Removes the helpers of a killed daemon, then ensures the firewall every 15 s until the signal aborts; the first time
   * at once, since the firewall may have been removed while no daemon ran. `imageIfNeeded` resolves to null while no
   * student runs. `onProblem` is called when the network is disconnected, and with null when it is connected again.
   */
  async watch(
    imageIfNeeded: () => Promise<string | null>,
    onProblem: (problem: Problem | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { docker, settings, log, clock } = this.#deps;
    this.#onProblem = onProblem;
    if (this.#problem !== null) onProblem(this.#problem);
    const { bridge } = networkOf(settings.instance);
    removeStaleHelpers(docker, bridge, performance.timeOrigin).catch((err) =>
      log.warn({ err }, 'could not remove the firewall helpers of an earlier daemon'),
    );
    while (!signal.aborted) {
      await this.#ensure(imageIfNeeded).catch((err) => log.error({ err }, 'could not check the firewall'));
      await clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  async #ensure(imageIfNeeded: () => Promise<string | null>): Promise<void> {
    const image = (await imageIfNeeded()) ?? (this.#problem === null ? null : this.#image);
    if (image === null) return;
    this.#record(image, await this.#run(ensureFirewall, image));
  }
}
