/** The agent in a real container, against a real socket on which the test is the orchestrator. */
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

interface Heard {
  report: Report | null;
  /** All of the newest connection, oldest first. */
  reports: Report[];
  connections: number;
  /** What an agent is told when it connects; null for nothing yet. */
  greeting: StateMessage | null;
}

export class AgentContainer {
  readonly container: BareContainer;
  readonly #socket: AgentSocket;
  readonly #folder: string;
  readonly #heard: Heard;

  private constructor(container: BareContainer, socket: AgentSocket, folder: string, heard: Heard) {
    this.container = container;
    this.#socket = socket;
    this.#folder = folder;
    this.#heard = heard;
  }

  /** Up, with nobody in. */
  static async start(): Promise<AgentContainer> {
    const folder = mkdtempSync(join(tmpdir(), 'devenv-agent-'));
    const heard: Heard = { report: null, reports: [], connections: 0, greeting: AgentContainer.state() };
    const socket = new AgentSocket({
      student: 'alice',
      folder,
      log: pino({ level: 'silent' }),
      clock: systemClock,
      onReport: (report) => {
        heard.report = report;
        heard.reports.push(report);
      },
      onConnection: (connected) => {
        if (!connected) return;
        heard.connections += 1;
        heard.reports = [];
        if (heard.greeting !== null) socket.send(heard.greeting);
      },
    });
    await socket.open();
    const container = await BareContainer.start({
      command: ['/usr/lib/devenv/init.sh'],
      env: { DEVENV_INSTANCE: 'test', DEVENV_HOSTNAME: 'alice.test', DEVENV_URL: url },
      folders: { [SOCKET_MOUNT_PATH]: folder },
    });
    const agent = new AgentContainer(container, socket, folder, heard);
    await agent.reported('nobody in', (each) => each.sessions.length === 0);
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
      link: { phase: 'closed', detail: 'nobody is in' },
      notes: [],
      notices: [],
      ...parts,
    };
  }

  /** Tells the agent; what is not named is as at the start. */
  send(parts: Partial<StateMessage> = {}): void {
    this.#socket.send(AgentContainer.state(parts));
  }

  /** Kills the agent; the next one is there when this resolves, and has not been told anything yet. */
  async succeedUntold(): Promise<void> {
    const before = this.connections;
    this.#heard.greeting = null;
    this.container.run("pkill -KILL -f 'agent/[m]ain.js'");
    await waitFor('the next agent', () => this.connections > before);
    this.#heard.greeting = AgentContainer.state();
  }

  /** The newest report. */
  get report(): Report | null {
    return this.#heard.report;
  }

  /** All that the agent that is connected now has reported, oldest first. */
  get reports(): readonly Report[] {
    return this.#heard.reports;
  }

  /** How often an agent has connected. */
  get connections(): number {
    return this.#heard.connections;
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

  /** A terminal at its prompt, as a session: its master is outside. */
  async open(...command: string[]): Promise<Terminal> {
    const terminal = this.container.terminal(command.length > 0 ? command : ['bash']);
    await terminal.see(/\$ $/);
    return terminal;
  }

  async close(): Promise<void> {
    await this.container.remove();
    await this.#socket.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
