/** A new student's row: port, uid, hostname, and the id of the socket's folder. */
import { createServer } from 'node:net';
import { customAlphabet } from 'nanoid';
import type { Clock } from '../clock.ts';
import type { Environments } from '../environments/types.ts';
import { DevenvError } from '../errors.ts';
import type { Routes } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import { checkNoAdditionalLink } from './hostnames.ts';
import type { Roster } from './roster.ts';
import type { Student } from './student.ts';

/** Short, since the path of a unix socket has at most 107 bytes, and safe in a file name. */
const newSocketId = customAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', 8);

/** A label of a hostname (at most 63 characters) with 165 bits. */
export const newRelayKey = customAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', 32);

/** Ports to try. A host carries at most 200 students; the others may be in use by other programs. */
const PORT_COUNT = 2000;

/** Whether a program on the host listens on that TCP port, on loopback or on all interfaces. */
async function isBusy(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const busy = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(true));
      probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(false)));
    });
    if (busy) return true;
  }
  return false;
}

/** The lowest port from `first` on that is neither in `taken` nor busy. Throws `environment` if there is none. */
export async function lowestFreePort(first: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + PORT_COUNT && port <= 65535; port += 1) {
    if (!taken.has(port) && !(await isBusy(port))) return port;
  }
  throw new DevenvError({
    code: 'environment',
    what: `No port from ${first} to ${first + PORT_COUNT - 1} is free on this host.`,
    next: 'Remove students you no longer need (`devenv list`, `devenv rm NAME`), or set another DEVENV_FIRST_PORT.',
  });
}

const uidsOf = (roster: Roster) => new Set(roster.all().map(({ row }) => row.uid));

/** Gives a uid to each student of an earlier version, which had one for all. It applies at the environment's next start. */
export async function giveMissingUids({
  roster,
  environments,
}: Pick<RegistrationDeps, 'roster' | 'environments'>): Promise<void> {
  for (const student of roster.all().filter(({ row }) => row.uid === 0)) {
    roster.update(student, { uid: await environments.freeUid(uidsOf(roster)) });
  }
}

interface RegistrationDeps {
  settings: Settings;
  roster: Roster;
  environments: Environments;
  routes: Routes;
  clock: Clock;
}

/**
 * Chooses port and uid and stores the row. The caller holds a lock, or two students could get the same ones. Throws
 * `conflict` if the hostname has become another student's additional link in the meantime.
 */
export async function registerStudent(
  name: string,
  hostname: string,
  { roster, settings, environments, routes, clock }: RegistrationDeps,
): Promise<Student> {
  const taken = new Set(roster.all().map((student) => student.row.port));
  const port = await lowestFreePort(settings.firstPort, taken);
  const uid = await environments.freeUid(uidsOf(roster));
  const existing = (await environments.list()).find((observed) => observed.student === name);
  // Nothing may be awaited between this check and the insert, after which no additional link can get the hostname.
  checkNoAdditionalLink(name, hostname, routes);
  return roster.insert({
    name,
    port,
    hostname,
    socketId: newSocketId(),
    createdAt: new Date(clock.now()).toISOString(),
    state: { kind: 'creating', keepsHome: existing?.home ?? false },
    shouldRun: true,
    routeMemory: null,
    noticeMemory: null,
    uid,
    relayKey: newRelayKey(),
  });
}
