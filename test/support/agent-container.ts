/** The agent in a real container, connected to a real socket on which the test plays the orchestrator. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { AgentSocket } from '../../orchestrator/agents/agent-socket.ts';
import { systemClock } from '../../orchestrator/clock.ts';
import { PROTOCOL_VERSION, SOCKET_MOUNT_PATH } from '../../orchestrator/protocol/constants.ts';
import type { Report, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { BareContainer } from './bare-container.ts';
import type { Terminal } from './terminal.ts';
import { WAIT_TIMEOUT_MS, waitFor } from './wait.ts';

export const url = 'http://alice.test:8080';

interface Received {
  report: Report | null;
  /** All reports on the newest connection, the oldest first. */
  reports: Report[];
  connections: number;
  /** The state that an agent gets when it connects; null for none. */
  greeting: StateMessage | null;
}

export class AgentContainer {
  readonly container: BareContainer;
  readonly #socket: AgentSocket;
  readonly #folder: string;
  readonly #received: Received;

  private constructor(container: BareContainer, socket: AgentSocket, folder: string, received: Received) {
    this.container = container;
    this.#socket = socket;
    this.#folder = folder;
    this.#received = received;
  }

  /** Starts the container and waits for the first report without sessions. */
  static async start(): Promise<AgentContainer> {
    const folder = mkdtempSync(join(tmpdir(), 'devenv-agent-'));
    const received: Received = {
      report: null,
      reports: [],
      connections: 0,
      greeting: AgentContainer.state(),
    };
    const socket = new AgentSocket({
      student: 'alice',
      folder,
      log: pino({ level: 'silent' }),
      clock: systemClock,
      onReport: (report) => {
        received.report = report;
        received.reports.push(report);
      },
      onConnection: (connected) => {
        if (!connected) return;
        received.connections += 1;
        received.reports = [];
        if (received.greeting !== null) socket.send(received.greeting);
      },
    });
    await socket.open();
    const container = await BareContainer.start({
      command: ['/usr/lib/devenv/init.sh'],
      env: { DEVENV_INSTANCE: 'test', DEVENV_HOSTNAME: 'alice.test', DEVENV_URL: url },
      folders: { [SOCKET_MOUNT_PATH]: folder },
    });
    const agent = new AgentContainer(container, socket, folder, received);
    await agent.reported('no session', (each) => each.sessions.length === 0);
    return agent;
  }

  static state(parts: Partial<StateMessage> = {}): StateMessage {
    return {
      kind: 'state',
      protocol: PROTOCOL_VERSION,
      instance: 'test',
      student: 'alice',
      hostname: 'alice.test',
      url,
      port: 3001,
      additionalLinks: [],
      watchedCommands: ['npm run dev', 'sleep 7*'],
      sessionHolders: ['ptyHost', '*vscode-server*'],
      link: { phase: 'closed', detail: 'no session is open' },
      notes: [],
      notices: [],
      ...parts,
    };
  }

  /** Sends a state to the agent; the fields that `parts` leaves out have their initial values. */
  send(parts: Partial<StateMessage> = {}): void {
    this.#socket.send(AgentContainer.state(parts));
  }

  /** Kills the agent and waits for the next one to connect, which has not received any state yet. */
  async restartWithoutState(): Promise<void> {
    const before = this.connections;
    this.#received.greeting = null;
    this.container.run("pkill -KILL -f 'agent/[m]ain.js'");
    await waitFor('the next agent', () => this.connections > before);
    this.#received.greeting = AgentContainer.state();
  }

  /** The newest report. */
  get report(): Report | null {
    return this.#received.report;
  }

  /** All reports of the connected agent, the oldest first. */
  get reports(): readonly Report[] {
    return this.#received.reports;
  }

  /** How many times an agent has connected. */
  get connections(): number {
    return this.#received.connections;
  }

  /** Waits for a report for which `probe` returns a value, and returns it. */
  reported<Found>(
    what: string,
    probe: (report: Report) => Found | undefined | null | false,
    timeoutMs = WAIT_TIMEOUT_MS,
  ): Promise<Found> {
    const lastSeen = () => JSON.stringify(this.report, null, 1);
    return waitFor(`a report with ${what}`, () => (this.report === null ? null : probe(this.report)), {
      timeoutMs,
      lastSeen,
    });
  }

  /** Waits until the agent has certainly looked at what is there now: it repeats its report every two seconds. */
  async twoMoreReports(): Promise<void> {
    const before = this.reports.length;
    await waitFor('two more reports', () => this.reports.length >= before + 2);
  }

  /** A terminal at its prompt. It is a session, because its master is outside the container. */
  async open(...command: string[]): Promise<Terminal> {
    const terminal = this.container.terminal(command.length > 0 ? command : ['bash']);
    await terminal.see(/\$ $/);
    return terminal;
  }

  /** The orchestrator ends. */
  async closeSocket(): Promise<void> {
    await this.#socket.close();
  }

  /** The orchestrator starts again after `closeSocket`. */
  async openSocket(): Promise<void> {
    await this.#socket.open();
  }

  async close(): Promise<void> {
    await this.container.remove();
    await this.#socket.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
