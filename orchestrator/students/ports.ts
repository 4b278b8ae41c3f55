/** Which `PORT` a new student gets. */
import { createServer } from 'node:net';
import { DevenvError } from '../errors.ts';

/** 200 students on a host are far more than it can carry; the rest is room for ports busy with other things. */
const RANGE = 2000;

/** Whether something on the host has that TCP port, on loopback or on all interfaces. */
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

/**
 * The lowest port from `first` on that no student holds and nothing on the host listens on.
 * Throws `environment` where the whole range is taken.
 */
export async function lowestFreePort(first: number, held: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + RANGE && port <= 65535; port += 1) {
    if (!held.has(port) && !(await isBusy(port))) return port;
  }
  throw new DevenvError({
    code: 'environment',
    what: `No free port from ${first} to ${first + RANGE - 1} on this host.`,
    next: 'Remove students that are gone (`devenv list`, `devenv rm NAME`) or set another DEVENV_FIRST_PORT.',
  });
}
