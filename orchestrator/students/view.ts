import type { RouteView } from '../routes/index.ts';
import type { StudentView } from '../student-view.ts';
import type { Student } from './roster.ts';

interface Surroundings {
  urlOf(hostname: string): string;
  /** Whether the agent holds its connection: one in an environment that is paused does, and says nothing. */
  isConnected: boolean;
  /** Null where no report has come yet. */
  silentForMs: number | null;
}

/** A student as the API and `--json` show them. */
export function viewOf(
  student: Student,
  route: RouteView,
  { urlOf, isConnected, silentForMs }: Surroundings,
): StudentView {
  const { row, report } = student;
  const isThere = isConnected && student.environment === 'running';
  const agent = !isThere ? 'away' : route.reason === 'silent' ? 'silent' : 'connected';
  return {
    name: row.name,
    hostname: row.hostname,
    url: urlOf(row.hostname),
    port: row.port,
    createdAt: row.createdAt,
    environment: { state: student.environment },
    agent: {
      state: agent,
      lastReportSecondsAgo: silentForMs === null ? null : Math.round(silentForMs / 100) / 10,
    },
    link: {
      phase: route.phase,
      live: route.live,
      reason: route.reason,
      since: route.since,
      problem: route.problem ?? student.nameClash,
    },
    sessions: report?.sessions ?? [],
    service: report?.service ?? null,
    additionalLinks: route.links.map(({ port, hostname, live }) => ({ port, url: urlOf(hostname), live })),
    otherPorts: (report?.listeners ?? [])
      .map((listener) => listener.port)
      .filter((port, index, all) => port !== report?.service?.port && all.indexOf(port) === index),
  };
}
