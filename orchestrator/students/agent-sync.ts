/**
 * Keeps routes and agents in step with what is observed of each student: every report, connection and container
 * event becomes facts for the routes; what follows from them is sent to the agent as whole state. Nothing waits here.
 */
import type { AgentSockets, Heartbeats } from '../agents/index.ts';
import type { Clock } from '../clock.ts';
import type { Edge } from '../edges/edge.ts';
import type { EnvironmentState } from '../environments/types.ts';
import type { Problem } from '../errors.ts';
import { sizeInBytes } from '../limits-settings.ts';
import type { Log } from '../log.ts';
import { PROTOCOL_VERSION } from '../protocol/constants.ts';
import type { Report, StateMessage } from '../protocol/messages.ts';
import type { Routes, RouteView } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';
import type { EgressControl } from './egress.ts';
import { detailOf, type MemoryKill, notesOf, type Situation } from './notice-texts.ts';
import { dueNotices } from './notices.ts';
import type { Roster } from './roster.ts';
import type { NetworkState, Student } from './student.ts';

export interface AgentSyncDeps {
  settings: Settings;
  roster: Roster;
  routes: Routes;
  sockets: AgentSockets;
  heartbeats: Heartbeats;
  edge: Edge;
  clock: Clock;
  log: Log;
  network: NetworkState;
  egress: Pick<EgressControl, 'of'>;
}

/** Most notices that wait for an agent to show them. Older ones are dropped. */
const MAX_PENDING_NOTICES = 20;

/** Log lines about one student's link. Changes above it are logged with the next line that is allowed. */
const LOG_LIMIT: RateLimit = { burst: 60, refillMs: 3000 };

/**
 * The command patterns that announce a student's server: the class's, and the student's own. Entries of `watchFor`
 * are `NAME=PATTERN`; the settings' schema has checked their form.
 */
export function watchedCommandsOf(
  student: string,
  { watch, watchFor }: Pick<Settings, 'watch' | 'watchFor'>,
): string[] {
  const own = watchFor
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const)
    .filter(([name]) => name === student);
  return [...watch, ...own.map(([, pattern]) => pattern.trim())];
}

export class AgentSync {
  readonly #deps: AgentSyncDeps;
  /** The newest message that was sent to each agent. */
  readonly #sent = new Map<string, string>();
  readonly #logged = new Map<string, { text: string; tokensFullAt: number }>();

  constructor(deps: AgentSyncDeps) {
    this.#deps = deps;
  }

  /** An agent has sent a report. */
  onReport(name: string, report: Report): void {
    const student = this.#deps.roster.find(name);
    if (student === undefined) return;
    this.#deps.heartbeats.record(name);
    student.report = report;
    student.notices = student.notices.filter((notice) => notice.id > report.lastShownNoticeId);
    this.reconcile(student);
  }

  /** An agent has connected or disconnected. A new connection has received nothing yet. */
  onConnection(name: string): void {
    const student = this.#deps.roster.find(name);
    if (student === undefined) return;
    this.#sent.delete(name);
    this.reconcile(student);
  }

  /** The environment's state was observed. A report from before it stopped is void. */
  onEnvironmentState(student: Student, state: EnvironmentState): void {
    const { heartbeats } = this.#deps;
    if (state !== 'running') {
      student.report = null;
      heartbeats.forget(student.row.name);
    } else if (student.environment !== 'running') heartbeats.record(student.row.name);
    student.environment = state;
    this.reconcile(student);
  }

  /** The network of all environments was disconnected; null: it is connected again. */
  onNetworkProblem(problem: Problem | null): void {
    this.#deps.network.problem = problem;
    for (const student of this.#deps.roster.all()) this.reconcile(student);
  }

  /** The kernel has killed a process in the environment for memory. */
  onMemoryKill(student: Student, kill: MemoryKill): void {
    student.memoryKill = kill;
    const { limitBytes, peakBytes } = kill;
    this.#deps.log.warn(
      { student: student.row.name, limitBytes, peakBytes },
      'a process was killed: out of memory',
    );
    this.reconcile(student);
  }

  /** Passes the student's current facts to the routes, then sends the agent what has changed for it. */
  reconcile(student: Student): void {
    const { row } = student;
    if (row.state.kind !== 'present') return;
    const { routes, sockets, heartbeats } = this.#deps;
    routes.setFacts(row.name, {
      running: student.environment === 'running',
      report: student.report,
      silentMs: heartbeats.sinceMs(row.name) ?? 0,
    });
    const view = routes.view(row.name);
    this.#logChange(row.name, `link ${view.live ? 'live' : view.phase}: ${detailOf(view.reason)}`);
    const situation = this.#situationOf(student, view);
    this.#addNotices(student, situation);
    if (!sockets.isConnected(row.name)) return;
    const message = this.#stateMessage(student, view, situation);
    const text = JSON.stringify(message);
    if (this.#sent.get(row.name) === text) return;
    this.#sent.set(row.name, text);
    sockets.send(row.name, message);
  }

  #situationOf({ row, report, memoryKill }: Student, view: RouteView): Situation {
    const { edge, settings, routes, clock, network, egress } = this.#deps;
    const liveLinks = view.additionalLinks.filter(({ live }) => live);
    return {
      now: clock.now(),
      url: edge.url(row.hostname),
      phase: view.phase,
      live: view.live,
      opening: view.opening,
      reason: view.reason,
      since: Date.parse(view.since),
      additionalLinks: new Map(liveLinks.map(({ port, hostname }) => [port, edge.url(hostname)])),
      maxLinks: settings.links,
      othersInProgress:
        view.phase === 'opening' ? routes.changing().filter((other) => other !== row.name) : [],
      problem: view.problem,
      report,
      startingSeconds: settings.times.starting,
      memoryKill,
      networkProblem: network.problem,
      egress: egress.of(row.name),
      home: report?.home ?? null,
    };
  }

  #addNotices(student: Student, situation: Situation): void {
    const { memory, notices } = dueNotices(student.noticeMemory, situation);
    const json = JSON.stringify(memory);
    if (json !== JSON.stringify(student.noticeMemory)) {
      this.#deps.roster.update(student, { noticeMemory: json });
      student.noticeMemory = memory;
    }
    student.notices = [...student.notices, ...notices].slice(-MAX_PENDING_NOTICES);
  }

  #stateMessage(student: Student, view: RouteView, situation: Situation): StateMessage {
    const { settings, edge } = this.#deps;
    const { row, notices } = student;
    return {
      kind: 'state',
      protocol: PROTOCOL_VERSION,
      instance: settings.instance,
      student: row.name,
      hostname: row.hostname,
      url: situation.url,
      port: row.port,
      additionalLinks: view.additionalLinks.map(({ port, hostname }) => ({
        port,
        hostname,
        url: edge.url(hostname),
      })),
      watchedCommands: watchedCommandsOf(row.name, settings),
      sessionHolders: settings.sessionHolders,
      homeLimitBytes: sizeInBytes(settings.limits.home),
      link: { phase: view.phase, detail: detailOf(view.reason) },
      notes: notesOf(situation),
      notices,
    };
  }

  #logChange(student: string, text: string): void {
    const before = this.#logged.get(student);
    if (before?.text === text) return;
    const tokensFullAt = tryTake(before?.tokensFullAt ?? 0, 1, LOG_LIMIT, this.#deps.clock.now());
    if (tokensFullAt === null) return;
    this.#logged.set(student, { text, tokensFullAt });
    this.#deps.log.info({ student }, text);
  }

  /** The student is removed. */
  forget(name: string): void {
    this.#logged.delete(name);
    this.#sent.delete(name);
    this.#deps.heartbeats.forget(name);
  }
}
