/** Reports of students, and what follows from them: roster, routes and conversation, with no container and no socket. */

import { pino } from 'pino';
import type { Heartbeats } from '../../orchestrator/agents/heartbeats.ts';
import type { Edge } from '../../orchestrator/edges/edge.ts';
import type { Report, Service, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { Routes } from '../../orchestrator/routes/index.ts';
import { loadSettings } from '../../orchestrator/settings.ts';
import type { Store } from '../../orchestrator/store/index.ts';
import { AgentSync } from '../../orchestrator/students/agent-sync.ts';
import { Roster } from '../../orchestrator/students/roster.ts';
import { emptyReport } from './empty-report.ts';
import { ownRoute } from './own-route.ts';

/** An edge at which everything is so at once. */
export const easyEdge = {
  url: (hostname: string) => `http://${hostname}`,
  onRunDue: () => {},
  begin: async () => ({
    apply: async () => ({ drift: [], outcomes: [], problem: null }),
    diff: async () => [],
  }),
  confirm: async () => ({ kind: 'live' }),
} satisfies Partial<Edge> as unknown as Edge;

const service = (port: number, reason: Service['reason']): Service => ({
  port,
  address: '127.0.0.1',
  scheme: 'http',
  reason,
});

/** A report with nobody in it, who left. */
export const nobody = (): Report => ({ ...emptyReport, lastSessionEnd: { kind: 'exited', ageSeconds: 0 } });

/** A report of somebody who serves. */
export const serving = (port: number, reason: Service['reason'] = 'port-variable'): Report => ({
  ...nobody(),
  sessions: [{ id: '7:100', terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' }],
  service: service(port, reason),
});

export class ConversationRig {
  readonly routes: Routes;
  readonly conversation: AgentSync;
  readonly roster: Roster;
  /** How long every agent has been silent, in ms. */
  silentMs = 0;
  readonly lease = { record: () => {}, sinceMs: () => this.silentMs } satisfies Partial<Heartbeats> as never;
  /** The newest state that was sent to each student's agent, and how often one was sent. */
  readonly states = new Map<string, StateMessage>();
  sent = 0;
  /** Lines of the log. */
  readonly logged: string[] = [];

  /** Their ports follow one another from `firstPort` on. */
  constructor(edge: Edge, students: readonly string[], firstPort = 3001) {
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
      log,
      onChange: (name) => this.conversation.reconcile(this.roster.get(name)),
      saveMemory: () => {},
    });
    this.conversation = new AgentSync({
      settings,
      edge,
      log,
      roster: this.roster,
      routes: this.routes,
      lease: this.lease,
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
      });
      student.environment = 'running';
      const route = ownRoute(name, student.row.hostname, `http://127.0.0.1:${port}`);
      this.routes.register(route, null, () => null);
      this.conversation.onConnection(name);
    }
    this.routes.start();
  }
}
