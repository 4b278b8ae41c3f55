/**
 * What passes between a student's agent and the routes: reports become facts, and what follows from them goes
 * back as the state that the agent shows. Nothing here waits.
 */

import type { Heartbeats } from '../agents/heartbeats.ts';
import type { AgentSockets } from '../agents/index.ts';
import type { LinkReason } from '../domain.ts';
import type { Edge } from '../edges/edge.ts';
import type { Log } from '../log.ts';
import { PROTOCOL_VERSION } from '../protocol/constants.ts';
import type { Report, StateMessage } from '../protocol/messages.ts';
import type { Routes, RouteView } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';
import { memoryLine, waitingText } from './notice-texts.ts';
import { dueNotices } from './notices.ts';
import type { Roster, Student } from './roster.ts';
import { watchedBy } from './watch-patterns.ts';

interface Parts {
  settings: Settings;
  roster: Roster;
  routes: Routes;
  sockets: AgentSockets;
  lease: Heartbeats;
  edge: Edge;
  log: Log;
}

/** Most notices that wait for an agent to show them: who has not seen so many is told the newest. */
const MOST_NOTICES = 20;

/** Lines of the log about one student's link: what changes more often is logged as it is when the next line may come. */
const LOG_PACE: RateLimit = { burst: 60, refillMs: 3000 };

/** The route's state in the words of the waiting page and of `devenv-status`. */
function detailOf(reason: LinkReason): string {
  switch (reason) {
    case 'starting':
      return 'a server is starting';
    case 'serving':
      return 'a server was started in this session';
    case 'grace':
      return 'the terminal was lost; the link waits for it to come back';
    case 'instructor':
      return 'opened by the instructor';
    case 'nobody':
      return 'nobody is in';
    case 'no-service':
      return 'no server has been started';
    case 'closed-by-instructor':
      return 'closed by the instructor';
    case 'too-often':
      return 'it was opened and closed too often; it opens by itself';
    case 'silent':
      return 'the environment does not answer';
    case 'stopped':
      return 'the environment is stopped';
  }
}

/** What `devenv-status` tells besides the link's state. */
function notesOf(view: RouteView, behind: readonly string[], { memoryKill }: Student): string[] {
  const notes: string[] = [];
  if (view.problem !== null) {
    const closing = 'nobody is let in by your link any more; what is left of it is taken away later';
    notes.push(
      view.phase === 'closing'
        ? closing
        : `${view.problem.what} ${view.problem.nextForStudent ?? view.problem.next}`,
    );
  }
  if (view.phase === 'opening') notes.push(waitingText(behind));
  if (memoryKill !== null) {
    // With its day: it stays, since one that ended the whole environment is to be read when that runs again.
    const time = new Date(memoryKill.at).toISOString().slice(0, 16).replace('T', ' ');
    notes.push(`at ${time} UTC ${memoryLine(memoryKill).text}`);
  }
  return notes;
}

export class AgentSync {
  readonly #parts: Parts;
  readonly #sent = new Map<string, string>();
  readonly #logged = new Map<string, { state: string; paidAt: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A whole report has come. */
  onReport(name: string, report: Report): void {
    const student = this.#parts.roster.find(name);
    if (student === undefined) return;
    this.#parts.lease.record(name);
    student.report = report;
    student.notices = student.notices.filter((notice) => notice.id > report.lastShownNoticeId);
    this.reconcile(student);
  }

  /** An agent has come or gone; one that comes knows nothing yet. */
  onConnection(name: string): void {
    const student = this.#parts.roster.find(name);
    if (student === undefined) return;
    this.#sent.delete(name);
    this.reconcile(student);
  }

  /** Something about the student has changed: tells the routes, then the agent, if there is news for it. */
  reconcile(student: Student): void {
    const { row } = student;
    if (row.state.kind !== 'present') return;
    const { routes, roster, settings, edge, sockets, lease } = this.#parts;
    routes.facts(row.name, {
      running: student.environment === 'running',
      report: student.report,
      silentMs: lease.sinceMs(row.name) ?? 0,
    });
    const view = routes.view(row.name);
    const url = edge.url(row.hostname);
    this.#logRoute(row.name, `${view.live ? 'live' : view.phase}: ${detailOf(view.reason)}`);
    const behind = view.phase === 'opening' ? this.#busyOthers(row.name) : [];
    const due = dueNotices(student.noticeMemory, {
      now: Date.now(),
      url,
      links: new Map(
        view.links.filter(({ live }) => live).map((link) => [link.port, edge.url(link.hostname)]),
      ),
      mostLinks: settings.links,
      phase: view.phase,
      live: view.live,
      opening: view.opening,
      reason: view.reason,
      since: Date.parse(view.since),
      behind,
      problem: view.problem,
      report: student.report,
      startingSeconds: settings.times.starting,
      memoryKill: student.memoryKill,
    });
    if (JSON.stringify(due.memory) !== JSON.stringify(student.noticeMemory)) {
      roster.update(student, { noticeMemory: JSON.stringify(due.memory) });
      student.noticeMemory = due.memory;
    }
    student.notices = [...student.notices, ...due.notices].slice(-MOST_NOTICES);
    if (!sockets.isConnected(row.name)) return;
    const message: StateMessage = {
      kind: 'state',
      protocol: PROTOCOL_VERSION,
      instance: settings.instance,
      student: row.name,
      hostname: row.hostname,
      url,
      port: row.port,
      additionalLinks: view.links.map(({ port, hostname }) => ({ port, hostname, url: edge.url(hostname) })),
      watchedCommands: watchedBy(row.name, settings),
      sessionHolders: settings.sessionHolders,
      link: { phase: view.phase, detail: detailOf(view.reason) },
      notes: notesOf(view, behind, student),
      notices: student.notices,
    };
    const text = JSON.stringify(message);
    if (this.#sent.get(row.name) === text) return;
    this.#sent.set(row.name, text);
    sockets.send(row.name, message);
  }

  /** Students whose links are being changed at this moment. */
  #busyOthers(name: string): string[] {
    return this.#parts.routes.changing().filter((other) => other !== name);
  }

  #logRoute(student: string, state: string): void {
    const before = this.#logged.get(student);
    if (before?.state === state) return;
    const paidAt = tryTake(before?.paidAt ?? 0, 1, LOG_PACE, Date.now());
    if (paidAt === null) return;
    this.#logged.set(student, { state, paidAt });
    this.#parts.log.info({ student }, `link ${state}`);
  }

  forget(name: string): void {
    this.#logged.delete(name);
    this.#sent.delete(name);
  }
}
