/**
 * The agent: tells the orchestrator who is in and what listens, relays visitors to it, and shows its messages. It
 * may be killed at any time: all it knows is in /proc and in the hooks' files, and the next one starts from there.
 */
import { mkdirSync, watch } from 'node:fs';
import type { Report, Service, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { writeAtomically } from './atomic-write.ts';
import { ChosenPort } from './chosen-port.ts';
import { reachableAddress } from './listeners.ts';
import { NoticeBoard } from './notice-board.ts';
import { type Observation, Observer } from './observer.ts';
import { OrchestratorConnection } from './orchestrator-connection.ts';
import { type EnvironmentPaths, environmentPaths } from './paths.ts';
import { type Relay, startRelay } from './relay/index.ts';
import { KnownLinks } from './relay/known-links.ts';
import { SessionHolders } from './session-holders.ts';
import { statusText } from './status-text.ts';

/** Looks this often while something is starting or somebody types, and while nothing happens; in ms. */
const QUICK = 300;
const SLOW = 2000;
/** How long after a change it is looked quickly, in ms. */
const QUICK_FOR = 60_000;
/** The relay's port is the student's to take: tried again this often, in ms. */
const RELAY_RETRY = 2000;

/** A report without what only grows older: two that are equal in this are no news. */
function substance(report: Report): string {
  return JSON.stringify(report, (key, value) => (key === 'ageSeconds' ? undefined : value));
}

export class Agent {
  readonly #places: EnvironmentPaths;
  readonly #env: NodeJS.ProcessEnv;
  readonly #observer: Observer;
  readonly #board: NoticeBoard;
  readonly #link: OrchestratorConnection;
  readonly #chosen: ChosenPort;
  readonly #holders: SessionHolders;
  readonly #links: KnownLinks;
  #state: StateMessage | null = null;
  #seen: Observation | null = null;
  #sent = '';
  #quickUntil = performance.now() + QUICK_FOR;
  #relay: Relay | null = null;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;

  constructor(at: EnvironmentPaths, env: NodeJS.ProcessEnv) {
    this.#places = at;
    this.#env = env;
    mkdirSync(`${at.run}/shells`, { recursive: true });
    this.#board = new NoticeBoard(at.run);
    this.#chosen = new ChosenPort(at);
    this.#holders = new SessionHolders(at.run);
    this.#links = new KnownLinks(env.DEVENV_HOSTNAME);
    this.#observer = new Observer({
      places: at,
      ownPid: process.pid,
      port: Number(env.DEVENV_PORT),
      watch: () => this.#state?.watchedCommands ?? [],
      sessionHolders: () => this.#holders.patterns,
      chosen: () => this.#chosen.port,
      onNews: () => this.#lookSoon(),
    });
    this.#link = new OrchestratorConnection(at.socket, (state) => this.#onState(state));
    this.#watchFiles();
    this.#openRelay();
    this.look();
  }

  /** Looks now, tells what is new, and plans the next look. */
  look(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      this.#seen = this.#observer.look();
      this.#chosen.follow(this.#seen.terminals.length, this.#state?.link.phase ?? 'open');
      this.#tell(this.#seen);
    } catch (error) {
      console.error('look:', error instanceof Error ? error.message : error);
    }
    const isQuick = performance.now() < this.#quickUntil;
    this.#timer = setTimeout(() => this.look(), isQuick ? QUICK : SLOW);
  }

  #tell(seen: Observation): void {
    const report: Report = { ...seen.report, lastShownNoticeId: this.#board.shown };
    const news = substance(report);
    if (news === this.#sent) this.#link.keep(report);
    else {
      this.#sent = news;
      this.#link.report(report);
      this.#quickUntil = performance.now() + QUICK_FOR;
      this.#writeStatus();
    }
    this.#board.deliver(seen.shells);
  }

  #onState(state: StateMessage): void {
    this.#state = state;
    // The edge may take its time, and who is connected through a tunnel stays connected.
    for (const name of this.#links.take(state)) this.#relay?.disconnect(name);
    this.#writeStatus();
    const isOther = this.#holders.take(state.sessionHolders);
    // Who counts from now on, or has come since the last look, must not miss what is told now.
    if (isOther || state.notices.some(({ id }) => id > this.#board.shown)) this.look();
    const seen = this.#seen;
    if (seen === null || seen.terminals.length === 0) return;
    void this.#board.show(state.notices, seen).then(() => this.look());
  }

  /** Something is new: looks quickly for a while. Several news of one moment are one look. */
  #lookSoon(): void {
    this.#quickUntil = performance.now() + QUICK_FOR;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.look();
    }, 20);
  }

  /** A hook has written, or a port was chosen. */
  #watchFiles(): void {
    const isOurs = (name: string | null) =>
      name !== null && (name.startsWith('agent.') || name.endsWith('.trap'));
    try {
      watch(`${this.#places.run}/shells`, (_event, name) => isOurs(name) || this.#lookSoon());
      watch(this.#places.run, (_event, name) => name === 'port' && this.#lookSoon());
    } catch {
      // No inotify left, or the folder is gone: the look every two seconds finds all of it.
    }
  }

  /** Where a further link leads: to whatever listens on its port. */
  #serviceOn(port: number): Service | null {
    const found = this.#seen?.report.listeners.find((each) => each.port === port);
    const speaks = found?.speaks;
    return found === undefined || !found.isPublic || (speaks !== 'http' && speaks !== 'https')
      ? null
      : { port, address: reachableAddress(found.addresses), scheme: speaks, reason: 'chosen' };
  }

  #openRelay(): void {
    const env = this.#env;
    startRelay({
      port: this.#places.relayPort,
      service: () => this.#seen?.report.service ?? null,
      furtherLinks: () =>
        this.#links.further.map(({ port, ...link }) => ({ ...link, service: this.#serviceOn(port) })),
      isWanted: () => this.#links.isWanted,
      identity: () => ({
        instance: env.DEVENV_INSTANCE ?? '',
        student: env.DEVENV_STUDENT ?? '',
      }),
      public: () => ({
        // The environment has what it was made with: the settings may give another name by now.
        hostname: this.#state?.hostname ?? env.DEVENV_HOSTNAME ?? '',
        url: this.#state?.url ?? env.DEVENV_URL ?? '',
        student: env.DEVENV_STUDENT ?? '',
        phase: this.#state?.link.phase ?? 'closed',
        starting: (this.#seen?.report.starting.length ?? 0) > 0,
      }),
    }).then(
      (relay) => {
        this.#relay = relay;
      },
      (error) => {
        console.error('relay:', error instanceof Error ? error.message : error);
        setTimeout(() => this.#openRelay(), RELAY_RETRY);
      },
    );
  }

  /** What `devenv-status` shows. */
  #writeStatus(): void {
    const text = statusText({
      state: this.#state,
      report: this.#seen?.report ?? null,
      env: this.#env,
      connected: this.#link.connected,
    });
    try {
      writeAtomically(`${this.#places.run}/agent.status`, text);
    } catch {
      // A full tmpfs: the status stays as it was.
    }
  }
}

process.on('uncaughtException', (error) => console.error('agent:', error.message));
process.on('unhandledRejection', (error) =>
  console.error('agent:', error instanceof Error ? error.message : error),
);
if (process.argv[1]?.endsWith('/agent/main.js')) new Agent(environmentPaths, process.env);
