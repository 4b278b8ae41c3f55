/** One student: the stored row with what is currently known of its environment, and the forms that other modules need. */
import type { AgentSockets, Heartbeats } from '../agents/index.ts';
import { type Edge, type Route, routeId } from '../edges/edge.ts';
import type { EnvironmentSpec, EnvironmentState, Environments } from '../environments/types.ts';
import type { Problem } from '../errors.ts';
import type { Notice, Report } from '../protocol/messages.ts';
import { hashRelayKey } from '../protocol/relay-key.ts';
import type { Routes } from '../routes/index.ts';
import type { Store, StudentRow } from '../store/types.ts';
import type { StudentView } from '../student-view.ts';
import type { EgressControl } from './egress.ts';
import type { MemoryKill } from './notice-texts.ts';
import { initialNoticeMemory, type NoticeMemory } from './notices.ts';

export interface Student {
  row: StudentRow;
  environment: EnvironmentState;
  /** The image of the environment's container; null if there is none, or before it is known. */
  image: string | null;
  /** Why it could not be started last; null once it has started, or where it was never tried. */
  startProblem: Problem | null;
  /** The newest report; null until the first one since the daemon or the environment started. */
  report: Report | null;
  noticeMemory: NoticeMemory;
  /** The newest out-of-memory kill in the environment. */
  memoryKill: MemoryKill | null;
  /** Why the student keeps another hostname than the one from the settings; null if they agree. */
  hostnameConflict: Problem | null;
  /** Notices that the agent has not reported as shown, oldest first. */
  notices: Notice[];
}

/** The state of the network that all environments share. */
export interface NetworkState {
  /** Why it is disconnected; null while it is connected. */
  problem: Problem | null;
}

/** The student of a stored row, before anything is known of the environment. */
export const studentOf = (row: StudentRow): Student => ({
  row,
  environment: 'missing',
  image: null,
  startProblem: null,
  report: null,
  noticeMemory: {
    ...initialNoticeMemory,
    ...(row.noticeMemory !== null && (JSON.parse(row.noticeMemory) as Partial<NoticeMemory>)),
  },
  memoryKill: null,
  hostnameConflict: null,
  notices: [],
});

/** Address of the student's relay on this host. */
const originOf = ({ port }: StudentRow) => `http://127.0.0.1:${port}`;

/** The route of the student's own link. */
export const routeOf = (row: StudentRow): Route => ({
  id: routeId(row.name),
  owner: row.name,
  hostname: row.hostname,
  origin: originOf(row),
  relayKey: row.relayKey,
});

/** What the student's environment is made from. */
export const specOf = (
  { name, port, hostname, socketId, uid, relayKey }: StudentRow,
  edge: Edge,
): EnvironmentSpec => ({
  student: name,
  port,
  hostname,
  url: edge.url(hostname),
  socketId,
  uid,
  relayKeyHash: relayKey === null ? '' : hashRelayKey(relayKey),
});

export interface ViewDeps {
  routes: Routes;
  edge: Edge;
  sockets: AgentSockets;
  heartbeats: Heartbeats;
  network: NetworkState;
  egress: Pick<EgressControl, 'of'>;
  store: Pick<Store, 'problem'>;
  environments: Pick<Environments, 'currentImage'>;
}

/** Whether the next start gives the environment a newer image. False while either image is unknown. */
const isOutdated = ({ image }: Student, { currentImage }: ViewDeps['environments']) =>
  image !== null && currentImage !== null && image !== currentImage;

const homeOf = (report: Report | null): StudentView['home'] =>
  report?.home ? { usedBytes: report.home.usedBytes, limitBytes: report.home.limitBytes } : null;

/** The student as the API and `--json` show them. */
export function viewOf(
  student: Student,
  { routes, edge, sockets, heartbeats, network, egress, store, environments }: ViewDeps,
): StudentView {
  const { row, report, environment } = student;
  const route = routes.view(row.name);
  // The agent of a paused container keeps its connection.
  const isConnected = sockets.isConnected(row.name) && environment === 'running';
  const silentMs = heartbeats.sinceMs(row.name);
  return {
    name: row.name,
    hostname: row.hostname,
    url: edge.url(row.hostname),
    port: row.port,
    createdAt: row.createdAt,
    environment: {
      state: environment,
      problem: environment === 'running' ? network.problem : student.startProblem,
      outdated: isOutdated(student, environments),
    },
    home: homeOf(report),
    egress: egress.of(row.name),
    agent: {
      state: !isConnected ? 'disconnected' : route.reason === 'agent-silent' ? 'silent' : 'connected',
      lastReportSecondsAgo: silentMs === null ? null : Math.round(silentMs / 100) / 10,
    },
    link: {
      phase: route.phase,
      live: route.live,
      reason: route.reason,
      since: route.since,
      problem: route.problem ?? student.hostnameConflict,
    },
    sessions: report?.sessions ?? [],
    service: report?.service ?? null,
    additionalLinks: route.additionalLinks.map(({ port, hostname, live }) => ({
      port,
      url: edge.url(hostname),
      live,
    })),
    otherPorts: (report?.listeners ?? [])
      .map((listener) => listener.port)
      .filter((port, index, all) => port !== report?.service?.port && all.indexOf(port) === index),
    orchestrator: { problem: store.problem() },
  };
}
