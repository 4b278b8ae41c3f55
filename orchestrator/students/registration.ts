/** A new student's row: port, hostname, the name of the socket's folder. */
import { customAlphabet } from 'nanoid';
import type { Environments } from '../environments/types.ts';
import type { Routes } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import { refuseLink } from './hostnames.ts';
import { lowestFreePort } from './ports.ts';
import type { Roster, Student } from './roster.ts';

/** Names the folder of a socket: short, since a socket's path may have 107 bytes, and safe as a file name. */
const newSocketId = customAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', 8);

interface Parts {
  settings: Settings;
  roster: Roster;
  environments: Environments;
  routes: Routes;
}

/**
 * Gives the port and writes the row. Must not run twice at once, or two students get the same port. Throws `conflict` where
 * the hostname has become a further link of somebody's meanwhile.
 */
export async function registerStudent(
  name: string,
  hostname: string,
  { roster, settings, environments, routes }: Parts,
): Promise<Student> {
  const held = new Set(roster.all().map((student) => student.row.port));
  const port = await lowestFreePort(settings.firstPort, held);
  const had = (await environments.list()).find((actual) => actual.student === name);
  // Last, with no wait before the row: from then on nobody's further link takes the name.
  refuseLink(name, hostname, routes);
  return roster.insert({
    name,
    port,
    hostname,
    socketId: newSocketId(),
    createdAt: new Date().toISOString(),
    state: { kind: 'creating', keepsHome: had?.home ?? false },
    shouldRun: true,
    routeMemory: null,
    noticeMemory: null,
  });
}
