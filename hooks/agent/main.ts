/**
 * The agent: tells the orchestrator who is in and what listens, relays visitors to it, and shows its messages. It
 * may be killed at any time: all it knows is in /proc and in the hooks' files, and the next one starts from there.
 */
import { mkdirSync, watch, writeFileSync } from 'node:fs';
import type { Report, StateMessage } from '../../orchestrator/agents/protocol.ts';
import { NoticeBoard } from './notice-board.ts';
import { type Observation, Observer } from './observer.ts';
import { OrchestratorLink } from './orchestrator-link.ts';
import { type Places, places } from './places.ts';
import { readText } from './read-file.ts';
import { startRelay } from './relay/index.ts';

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

function chosenPort({ run, home }: Places): number | null {
  for (const path of [`${run}/port`, `${home}/.devenv-port`]) {
    const port = Number(readText(path)?.trim());
    if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  }
  return null;
}

export class Agent {
  readonly #places: Places;
  readonly #env: NodeJS.ProcessEnv;
  readonly #observer: Observer;
  readonly #board: NoticeBoard;
  readonly #link: OrchestratorLink;
  #state: StateMessage | null = null;
  #seen: Observation | null = null;
  #sent = '';
  #quickUntil = performance.now() + QUICK_FOR;
  #timer: NodeJS.Timeout | null = null;

  constructor(at: Places, env: NodeJS.ProcessEnv) {
    this.#places = at;
    this.#env = env;
    mkdirSync(`${at.run}/shells`, { recursive: true });
    this.#board = new NoticeBoard(at.run);
    this.#observer = new Observer({
      places: at,
      ownPid: process.pid,
      port: Number(env.DEVENV_PORT),
      watch: () => this.#state?.watch ?? [],
      chosen: () => chosenPort(at),
      onNews: () => this.look(),
    });
    this.#link = new OrchestratorLink(at.socket, (state) => this.#onState(state));
    this.#watchFiles();
    this.#openRelay();
    this.look();
  }

  /** Looks now, tells what is new, and plans the next look. */
  look(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      this.#seen = this.#observer.look();
      this.#tell(this.#seen);
    } catch (error) {
      console.error('look:', error instanceof Error ? error.message : error);
    }
    const isQuick = performance.now() < this.#quickUntil;
    this.#timer = setTimeout(() => this.look(), isQuick ? QUICK : SLOW);
  }

  #tell(seen: Observation): void {
    const report: Report = { ...seen.report, noticesShown: this.#board.shown };
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
    this.#writeStatus();
    const seen = this.#seen;
    if (seen === null || seen.terminals.length === 0) return;
    void this.#board.show(state.notices, seen.terminals, seen.shells, seen.table).then(() => this.look());
  }

  /** A hook has written, or a port was chosen: looks at once, and quickly for a while. */
  #watchFiles(): void {
    let pending = false;
    const soon = () => {
      this.#quickUntil = performance.now() + QUICK_FOR;
      if (pending) return;
      pending = true;
      // Several writes of one moment are one look.
      setTimeout(() => {
        pending = false;
        this.look();
      }, 20);
    };
    const isOurs = (name: string | null) =>
      name !== null && (name.startsWith('agent.') || name.endsWith('.trap'));
    try {
      watch(`${this.#places.run}/shells`, (_event, name) => isOurs(name) || soon());
      watch(this.#places.run, (_event, name) => name === 'port' && soon());
    } catch {
      // No inotify left, or the folder is gone: the look every two seconds finds all of it.
    }
  }

  #openRelay(): void {
    const { env } = { env: this.#env };
    startRelay({
      port: this.#places.relayPort,
      service: () => this.#seen?.report.service ?? null,
      identity: () => ({
        instance: env.DEVENV_INSTANCE ?? '',
        student: env.DEVENV_STUDENT ?? '',
        service: this.#seen?.report.service?.port ?? null,
      }),
      public: () => ({
        hostname: env.DEVENV_HOSTNAME ?? '',
        url: this.#state?.url ?? env.DEVENV_URL ?? '',
        student: env.DEVENV_STUDENT ?? '',
        phase: this.#state?.route.phase ?? 'closed',
        starting: (this.#seen?.report.starting.length ?? 0) > 0,
      }),
    }).catch((error) => {
      console.error('relay:', error instanceof Error ? error.message : error);
      setTimeout(() => this.#openRelay(), RELAY_RETRY);
    });
  }

  /** What `devenv-status` shows. */
  #writeStatus(): void {
    const service = this.#seen?.report.service ?? null;
    const others = (this.#seen?.report.listeners ?? [])
      .map(({ port }) => port)
      .filter((port) => port !== service?.port);
    const lines = [
      `link     ${this.#state?.url ?? this.#env.DEVENV_URL ?? ''}`,
      `is       ${this.#state?.route.phase ?? 'unknown'}${this.#state ? `: ${this.#state.route.detail}` : ''}`,
      `port     ${this.#env.DEVENV_PORT ?? ''}`,
      `serves   ${service === null ? 'nothing yet' : `port ${service.port}`}`,
      ...(others.length > 0 ? [`also     ${others.join(', ')}   (devenv-port PORT switches)`] : []),
      ...(this.#link.connected ? [] : ['note     the orchestrator is away; this is the last that was known']),
    ];
    try {
      writeFileSync(`${this.#places.run}/agent.status`, `${lines.join('\n')}\n`);
    } catch {
      // A full tmpfs: the status stays as it was.
    }
  }
}

process.on('uncaughtException', (error) => console.error('agent:', error.message));
process.on('unhandledRejection', (error) =>
  console.error('agent:', error instanceof Error ? error.message : error),
);
if (process.argv[1]?.endsWith('/agent/main.js')) new Agent(places, process.env);
