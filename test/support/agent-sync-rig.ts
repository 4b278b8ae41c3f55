/** Roster, routes and AgentSync driven by reports: no container and no socket. */
import { pino } from 'pino';
import type { Heartbeats } from '../../orchestrator/agents/heartbeats.ts';
import type { Clock } from '../../orchestrator/clock.ts';
import type { Edge } from '../../orchestrator/edges/edge.ts';
import type { Report, Service, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { Routes } from '../../orchestrator/routes/index.ts';
import { loadSettings } from '../../orchestrator/settings.ts';
import type { Store } from '../../orchestrator/store/index.ts';
import { AgentSync } from '../../orchestrator/students/agent-sync.ts';
import { Roster } from '../../orchestrator/students/roster.ts';
import { routeOf } from '../../orchestrator/students/student.ts';
import { emptyReport } from './empty-report.ts';

/** An edge that applies everything at once. */
export const instantEdge = {
  url: (hostname: string) => `http://${hostname}`,
  onRunDue: () => {},
  sharedOpenings: null,
  begin: async () => ({
    apply: async () => ({ drift: [], outcomes: [], problem: null }),
    diff: async () => [],
  }),
  confirm: async () => ({ kind: 'live' }),
  recheck: async () => ({ kind: 'live' }),
} satisfies Partial<Edge> as unknown as Edge;

const service = (port: number, reason: Service['reason']): Service => ({
  port,
  address: '127.0.0.1',
  scheme: 'http',
  reason,
});

/** The report after the last session has ended with `exit`. */
export const exitedReport = (): Report => ({
  ...emptyReport,
  lastSessionEnd: { kind: 'exited', ageSeconds: 0 },
});

/** The report of one session that serves on `port`. */
export const servingReport = (port: number, reason: Service['reason'] = 'port-variable'): Report => ({
  ...exitedReport(),
  sessions: [{ id: '7:100', terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' }],
  service: service(port, reason),
});

export interface AgentSyncRigOptions {
  edge: Edge;
  clock: Clock;
  /** Their ports follow one another from `firstPort` on. */
  students: readonly string[];
  firstPort?: number;
}

export class AgentSyncRig {
  readonly routes: Routes;
  readonly agentSync: AgentSync;
  readonly roster: Roster;
  /** How long every agent has been silent. */
  silentMs = 0;
  readonly heartbeats = {
    record: () => {},
    sinceMs: () => this.silentMs,
  } satisfies Partial<Heartbeats> as never;
  /** The newest state that was sent to each student's agent. */
  readonly states = new Map<string, StateMessage>();
  /** How many states were sent. */
  sent = 0;
  /** Lines of the log. */
  readonly logged: string[] = [];

  constructor({ edge, clock, students, firstPort = 3001 }: AgentSyncRigOptions) {
    const settings = loadSettings({
      env: { DEVENV_CONFIG: '/dev/null' },
      hostname: 'lab',
      uid: 0,
      home: '/',
    });
    const log = pino({ base: null }, { write: (line: string) => this.logged.push(line) });
    const store = { insert: () => {}, update: () => {} } satisfies Partial<Store> as unknown as Store;
    this.roster = new Roster(store);
    this.routes = new Routes({
      edge,
      rules: { ...settings.times, links: settings.links },
      clock,
      log,
      onChange: (name) => this.agentSync.reconcile(this.roster.get(name)),
      saveMemory: () => {},
    });
    this.agentSync = new AgentSync({
      settings,
      edge,
      clock,
      log,
      roster: this.roster,
      routes: this.routes,
      heartbeats: this.heartbeats,
      network: { problem: null },
      egress: { of: () => 'internet' },
      sockets: {
        isConnected: () => true,
        send: (name: string, state: StateMessage) => {
          this.states.set(name, state);
          this.sent += 1;
        },
      } as never,
    });
    for (const [index, name] of students.entries()) {
      const port = firstPort + index;
      const student = this.roster.insert({
        name,
        port,
        hostname: `${name}.example.com`,
        socketId: name,
        createdAt: '',
        state: { kind: 'present' },
        shouldRun: true,
        routeMemory: null,
        noticeMemory: null,
        relayKey: null,
        uid: 20_000 + index,
      });
      student.environment = 'running';
      this.routes.register(routeOf(student.row), null, () => null);
      this.agentSync.onConnection(name);
    }
    this.routes.start();
  }
}
