/** Which hostname a student gets, and which one a further server of theirs: never one that somebody else has. */
import { type Edge, type Route, routeId } from '../edges/edge.ts';
import { DevenvError } from '../errors.ts';
import { checkStudentName } from '../names.ts';
import type { Routes } from '../routes/index.ts';
import { originOf, type Roster, type Student } from './roster.ts';

interface Parts {
  edge: Edge;
  roster: Roster;
  routes: Routes;
}

/** The hostname of somebody new. Throws `bad-input`, `exists` or `conflict` before anything is touched. */
export async function newHostname(name: string, { edge, roster, routes }: Parts): Promise<string> {
  checkStudentName(name);
  if (roster.find(name) !== undefined) {
    throw new DevenvError({
      code: 'exists',
      what: `There is a student called '${name}' already.`,
      next: `\`devenv status ${name}\` shows them, \`devenv shell ${name}\` gets in.`,
    });
  }
  const hostname = await edge.hostname(name);
  edge.checkHostname(hostname);
  refuseLink(name, hostname, routes);
  const other = roster.all().find((student) => student.row.hostname === hostname);
  if (other !== undefined) {
    throw new DevenvError({
      code: 'conflict',
      what: `'${name}' would get the hostname ${hostname}, which '${other.row.name}' has.`,
      next: 'Choose another name, or a hostname template that tells them apart (DEVENV_HOSTNAME).',
    });
  }
  return hostname;
}

/** Throws `conflict` where the hostname is a further link of somebody's. */
export function refuseLink(name: string, hostname: string, routes: Routes): void {
  if (!routes.isLink(hostname)) return;
  throw new DevenvError({
    code: 'conflict',
    what: `'${name}' would get the hostname ${hostname}, which is a further link of another student's.`,
    next: 'Choose another name. A further link, open or not, is its student’s until another one takes its place.',
  });
}

/** The link of a further port: what a student would get who had the port behind their name. Null where that can't be. */
export function furtherLink(
  { row }: Student,
  port: number,
  { edge, roster }: Pick<Parts, 'edge' | 'roster'>,
): Route | null {
  const name = `${row.name}-${port}`;
  const hostname = edge.knownHostname(name);
  if (hostname === null) return null;
  try {
    edge.checkHostname(hostname);
  } catch {
    return null;
  }
  const isTaken = roster.all().some((other) => other.row.name === name || other.row.hostname === hostname);
  return isTaken ? null : { id: routeId(name), owner: row.name, hostname, origin: originOf(row) };
}
