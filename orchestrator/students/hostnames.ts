/** Which hostname each student and each additional link gets. No two of them ever share one. */
import { type Edge, type Route, routeId } from '../edges/edge.ts';
import { DevenvError } from '../errors.ts';
import type { Log } from '../log.ts';
import { checkStudentName } from '../names.ts';
import type { Routes } from '../routes/index.ts';
import type { Roster } from './roster.ts';
import { routeOf, type Student } from './student.ts';

interface HostnameDeps {
  edge: Edge;
  roster: Roster;
  routes: Routes;
  log: Log;
}

/** The hostname of a new student. Throws `bad-input`, `exists` or `conflict` before anything is changed. */
export async function newHostname(
  name: string,
  { edge, roster, routes }: Pick<HostnameDeps, 'edge' | 'roster' | 'routes'>,
): Promise<string> {
  checkStudentName(name);
  if (roster.find(name) !== undefined) {
    throw new DevenvError({
      code: 'exists',
      what: `There is already a student called '${name}'.`,
      next: `See \`devenv status ${name}\`, or open a shell with \`devenv shell ${name}\`.`,
    });
  }
  const hostname = await edge.hostname(name);
  edge.checkHostname(hostname);
  checkNoAdditionalLink(name, hostname, routes);
  const other = roster.all().find((student) => student.row.hostname === hostname);
  if (other !== undefined) {
    throw new DevenvError({
      code: 'conflict',
      what: `'${name}' would get the hostname ${hostname}, which '${other.row.name}' already has.`,
      next: 'Choose another name, or a hostname template that gives each student a different one (DEVENV_HOSTNAME).',
    });
  }
  return hostname;
}

/** Throws `conflict` if the hostname belongs to another student's additional link. */
export function checkNoAdditionalLink(name: string, hostname: string, routes: Pick<Routes, 'isLink'>): void {
  if (!routes.isLink(hostname)) return;
  throw new DevenvError({
    code: 'conflict',
    what: `'${name}' would get the hostname ${hostname}, which is an additional link of another student.`,
    next: 'Choose another name. An additional link keeps its hostname, open or closed, until another port replaces it.',
  });
}

/**
 * The route of an additional link, under the hostname of a student called NAME-PORT. Null if that hostname is in use,
 * not valid or not known yet.
 */
export function additionalRoute(
  { row }: Student,
  port: number,
  { edge, roster }: Pick<HostnameDeps, 'edge' | 'roster'>,
): Route | null {
  const name = `${row.name}-${port}`;
  const hostname = edge.knownHostname(name);
  if (hostname === null) return null;
  try {
    edge.checkHostname(hostname);
  } catch {
    return null;
  }
  const isInUse = roster.all().some((other) => other.row.name === name || other.row.hostname === hostname);
  return isInUse ? null : { ...routeOf(row), id: routeId(name), hostname };
}

type UpdateDeps = Pick<HostnameDeps, 'edge' | 'roster' | 'log'>;

/** The student keeps the current hostname, because the settings give both students the same one. */
function keepHostname(student: Student, hostname: string, other: Student, log: Log): void {
  const { name } = student.row;
  student.hostnameConflict = {
    code: 'conflict',
    what: `'${name}' and '${other.row.name}' would both get the hostname ${hostname}. '${name}' keeps ${student.row.hostname}.`,
    next: 'Set a hostname template that gives each student a different one (DEVENV_HOSTNAME), then run `devenv down` and `devenv up`.',
  };
  log.error({ student: name, problem: student.hostnameConflict }, 'two students would get the same hostname');
}

/**
 * The hostname that each student should have now. Current hostnames are unique, so every student who keeps one
 * resolves a conflict, and the loop ends.
 */
function currentHostnames({ edge, roster, log }: UpdateDeps): Map<string, Student> {
  const students = roster.all();
  for (const student of students) student.hostnameConflict = null;
  const hostnameFor = ({ row, hostnameConflict }: Student) =>
    hostnameConflict === null ? (edge.knownHostname(row.name) ?? row.hostname) : row.hostname;
  for (;;) {
    const owners = new Map<string, Student>();
    const conflicting = students.find((student) => {
      const hostname = hostnameFor(student);
      const other = owners.get(hostname);
      if (other === undefined) owners.set(hostname, student);
      else if (student.row.hostname === hostname) keepHostname(other, hostname, student, log);
      else keepHostname(student, hostname, other, log);
      return other !== undefined;
    });
    if (conflicting === undefined) return owners;
  }
}

/**
 * Stores the hostnames that the settings give now (edge, zone and template may have changed), as far as the edge
 * knows them. Returns the students whose hostname has changed.
 */
export function updateHostnames(deps: UpdateDeps): Student[] {
  const { roster, log } = deps;
  const changed = [...currentHostnames(deps)].filter(([hostname, { row }]) => hostname !== row.hostname);
  for (const [hostname, { row }] of changed)
    log.info({ student: row.name, before: row.hostname, hostname }, 'the settings give another hostname');
  roster.rename(new Map(changed.map(([hostname, student]) => [student, hostname])));
  for (const [, student] of changed) {
    // The new link is announced again.
    student.noticeMemory = { ...student.noticeMemory, announcedFor: null, announcedPort: null };
    roster.update(student, { noticeMemory: JSON.stringify(student.noticeMemory) });
  }
  return changed.map(([, student]) => student);
}
