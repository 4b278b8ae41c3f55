/**
 * The agent reports sessions and listeners to the orchestrator, relays visitors to the student's service, and shows the
 * orchestrator's notices. It may be killed at any time: its state is in /proc and in the hooks' files, from which the next
 * agent starts.
 */
import { mkdirSync, watch } from 'node:fs';
import { isPublicWebServer } from '../../orchestrator/protocol/listener-purpose.ts';
import type { Listener, Report, Service, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { ChosenPort } from './chosen-port.ts';
import { reachableAddress } from './listeners.ts';
import { NoticeBoard } from './notice-board.ts';
import { type Observation, Observer } from './observer.ts';
import { OrchestratorConnection } from './orchestrator-connection.ts';
import type { EnvironmentPaths } from './paths.ts';
import { type Link, type Relay, startRelay } from './relay/index.ts';
import { KnownLinks } from './relay/known-links.ts';
import { SessionHolders } from './session-holders.ts';
import { writeStatusFiles } from './status-files.ts';
import { VisitorHeaderSelection } from './visitor-headers.ts';

/** Pause between two polls of the environment shortly after a change, and otherwise. */
const ACTIVE_POLL_INTERVAL_MS = 300;
const IDLE_POLL_INTERVAL_MS = 2000;
/** How long a change keeps the polls frequent. */
const ACTIVE_PERIOD_MS = 60_000;
/** Several file events of one moment cause one poll. */
const FILE_EVENT_DEBOUNCE_MS = 20;
/** How long a visitor waits until it is known what has taken the service's port, and the pauses between polls. */
const RESELECT_TIMEOUT_MS = 2000;
const RESELECT_POLL_INTERVAL_MS = 30;
/** A program of the student may take the relay's port. */
const RELAY_RETRY_MS = 2000;

/** One that the last poll did not find. */
const UNKNOWN_LISTENER = { process: null, command: '' };

/** The report without the ages: reports that are equal in this contain no change. */
function withoutAges(report: Report): string {
  return JSON.stringify(report, (key, value) => (key === 'ageSeconds' ? undefined : value));
}

export class Agent {
  readonly #paths: EnvironmentPaths;
  readonly #env: NodeJS.ProcessEnv;
  readonly #observer: Observer;
  readonly #notices: NoticeBoard;
  readonly #connection: OrchestratorConnection;
  readonly #chosenPort: ChosenPort;
  readonly #sessionHolders: SessionHolders;
  readonly #links: KnownLinks;
  readonly #visitorHeaders: VisitorHeaderSelection;
  #state: StateMessage | null = null;
  #observation: Observation | null = null;
  #lastReported = '';
  /** Whether the orchestrator answered when the status was last written. */
  #wasReachable = false;
  #activeUntilMs = performance.now() + ACTIVE_PERIOD_MS;
  #relay: Relay | null = null;
  #pollTimer: NodeJS.Timeout | null = null;
  #debounceTimer: NodeJS.Timeout | null = null;
  /** A reselection for visitors, in progress. */
  #reselection: Promise<void> | null = null;

  constructor(paths: EnvironmentPaths, env: NodeJS.ProcessEnv) {
    this.#paths = paths;
    this.#env = env;
    this.#notices = new NoticeBoard(paths.run);
    this.#chosenPort = new ChosenPort(paths);
    this.#sessionHolders = new SessionHolders(paths.run);
    this.#links = new KnownLinks(env.DEVENV_HOSTNAME);
    this.#visitorHeaders = new VisitorHeaderSelection(paths.proc);
    this.#observer = new Observer({
      paths,
      ownPid: process.pid,
      portVariable: Number(env.DEVENV_PORT),
      watchedCommands: () => this.#state?.watchedCommands ?? [],
      sessionHolders: () => this.#sessionHolders.patterns,
      choice: () => this.#chosenPort.choice,
      homeLimitBytes: () => this.#state?.homeLimitBytes ?? null,
      onChange: () => this.#pollSoon(),
    });
    this.#connection = new OrchestratorConnection(paths.socket, (state) => this.#onState(state));
  }

  /** Connects to the orchestrator, opens the relay, and starts to poll. There is no stop: agents are killed. */
  start(): void {
    mkdirSync(`${this.#paths.run}/shells`, { recursive: true });
    this.#connection.start();
    this.#watchFiles();
    this.#openRelay();
    this.#poll();
  }

  /** Observes the environment, reports what changed, and schedules the next poll. */
  #poll(): void {
    if (this.#pollTimer !== null) clearTimeout(this.#pollTimer);
    try {
      const observation = this.#observer.observe();
      this.#observation = observation;
      this.#chosenPort.expireAfter(observation.terminals.length, this.#state?.link.phase ?? 'open');
      this.#report(observation);
      if (this.#connection.isReachable !== this.#wasReachable) this.#writeStatus();
    } catch (error) {
      console.error('poll:', error instanceof Error ? error.message : error);
    }
    const isActive = performance.now() < this.#activeUntilMs;
    const delayMs = isActive ? ACTIVE_POLL_INTERVAL_MS : IDLE_POLL_INTERVAL_MS;
    this.#pollTimer = setTimeout(() => this.#poll(), delayMs);
  }

  /** Polls shortly, and frequently for a while. */
  #pollSoon(): void {
    this.#activeUntilMs = performance.now() + ACTIVE_PERIOD_MS;
    this.#debounceTimer ??= setTimeout(() => {
      this.#debounceTimer = null;
      this.#poll();
    }, FILE_EVENT_DEBOUNCE_MS);
  }

  #report({ report: observed, shells }: Observation): void {
    const report: Report = { ...observed, lastShownNoticeId: this.#notices.lastShownId };
    const content = withoutAges(report);
    if (content === this.#lastReported) this.#connection.setHeartbeat(report);
    else {
      this.#lastReported = content;
      this.#connection.send(report);
      this.#activeUntilMs = performance.now() + ACTIVE_PERIOD_MS;
      this.#writeStatus();
    }
    this.#notices.deliverQueued(shells);
  }

  #onState(state: StateMessage): void {
    this.#state = state;
    // The edge may take a while to close a link, and visitors who are connected through a tunnel stay connected.
    for (const hostname of this.#links.updateFrom(state)) this.#relay?.disconnect(hostname);
    this.#writeStatus();
    const hasChanged = this.#sessionHolders.updateFrom(state.sessionHolders);
    // Sessions that count only now, or that started since the last poll, must not miss these notices.
    if (hasChanged || state.notices.some(({ id }) => id > this.#notices.lastShownId)) this.#poll();
    const observation = this.#observation;
    if (observation === null || observation.terminals.length === 0) return;
    void this.#notices.show(state.notices, observation).then(() => this.#poll());
  }

  /** Polls when a hook writes its record or the student chooses a port. */
  #watchFiles(): void {
    const isIgnored = (name: string | null) =>
      name !== null && (name.startsWith('agent.') || name.endsWith('.trap'));
    try {
      watch(`${this.#paths.run}/shells`, (_event, name) => isIgnored(name) || this.#pollSoon());
      watch(this.#paths.run, (_event, name) => name === 'port' && this.#pollSoon());
    } catch {
      // The inotify limit is reached, or the folder is gone: the regular polls find every change.
    }
  }

  /** The service behind an additional link: whatever web server listens on its port. */
  #serviceOn(port: number): Service | null {
    const listener = this.#listenerOn(port);
    if (listener === undefined || !isPublicWebServer(listener)) return null;
    const scheme = listener.speaks === 'https' ? 'https' : 'http';
    return { port, address: reachableAddress(listener.addresses), scheme, reason: 'chosen' };
  }

  /** Polls until it is known what listens on a port that has changed hands. Simultaneous visitors share one reselection. */
  #reselect(port: number): Promise<void> {
    this.#reselection ??= this.#pollUntilKnown(port).finally(() => {
      this.#reselection = null;
    });
    return this.#reselection;
  }

  async #pollUntilKnown(port: number): Promise<void> {
    const deadlineMs = performance.now() + RESELECT_TIMEOUT_MS;
    const isUnknown = () =>
      this.#observation?.report.listeners.some((each) => each.port === port && each.purpose === null) ??
      false;
    this.#poll();
    while (isUnknown() && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, RESELECT_POLL_INTERVAL_MS));
      this.#poll();
    }
  }

  #ownLink(): Link {
    return {
      // The settings may have changed the hostname since the container was created with the one in its variables.
      hostname: this.#state?.hostname ?? this.#env.DEVENV_HOSTNAME ?? '',
      url: this.#state?.url ?? this.#env.DEVENV_URL ?? '',
      service: this.#observation?.report.service ?? null,
      isOpen: this.#links.isOwnLinkOpen,
    };
  }

  #listenerOn(port: number): Listener | undefined {
    return this.#observation?.report.listeners.find((each) => each.port === port);
  }

  #openRelay(): void {
    startRelay({
      port: this.#paths.relayPort,
      keyHash: this.#env.DEVENV_RELAY_KEY_HASH ?? '',
      ownLink: () => this.#ownLink(),
      additionalLinks: () =>
        this.#links.additional.map(({ port, ...link }) => ({ ...link, service: this.#serviceOn(port) })),
      hasChanged: ({ port }) => !this.#observer.isUnchanged(port),
      reselect: (port) => this.#reselect(port),
      ports: {
        variable: Number(this.#env.DEVENV_PORT),
        isFree: (port) => port !== this.#paths.relayPort && this.#listenerOn(port) === undefined,
      },
      visitorHeaders: ({ port }) => this.#visitorHeaders.for(this.#listenerOn(port) ?? UNKNOWN_LISTENER),
      identity: () => ({
        instance: this.#env.DEVENV_INSTANCE ?? '',
        student: this.#env.DEVENV_STUDENT ?? '',
      }),
      status: () => ({
        phase: this.#state?.link.phase ?? 'closed',
        isStarting: (this.#observation?.report.starting.length ?? 0) > 0,
      }),
    }).then(
      (relay) => {
        this.#relay = relay;
      },
      (error) => {
        console.error('relay:', error instanceof Error ? error.message : error);
        setTimeout(() => this.#openRelay(), RELAY_RETRY_MS);
      },
    );
  }

  #writeStatus(): void {
    this.#wasReachable = this.#connection.isReachable;
    writeStatusFiles(this.#paths.run, {
      state: this.#state,
      report: this.#observation?.report ?? null,
      env: this.#env,
      isReachable: this.#wasReachable,
    });
  }
}
