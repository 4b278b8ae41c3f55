/** Tries what any user of this host can try: to reach a student's server through the relay's port, past the edge. */
import { request } from 'node:http';
import type { Diagnostic } from '../domain.ts';
import { IDENTITY_PATH } from '../protocol/constants.ts';
import type { Roster } from './roster.ts';
import type { Student } from './student.ts';

const TIMEOUT_MS = 3000;
const REFUSED = 403;

/** The status of an answer to a request without the relay's key; null for no answer. Never reaches a student's program. */
function statusOf(port: number, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: IDENTITY_PATH, headers: { host }, agent: false };
    const outgoing = request({ ...options, signal: AbortSignal.timeout(TIMEOUT_MS) }, (incoming) => {
      resolve(incoming.statusCode ?? null);
      incoming.destroy();
    });
    outgoing.on('error', () => resolve(null));
    // An unrequested 101 ends the request without another event.
    outgoing.on('close', () => resolve(null));
    outgoing.end();
  });
}

/** Whether the relay answers by a local name, or by the hostname, to a request that does not come through the edge. */
async function isOpen({ row: { port, hostname } }: Student): Promise<boolean> {
  const statuses = await Promise.all(['localhost', hostname].map((host) => statusOf(port, host)));
  return statuses.some((status) => status !== null && status !== REFUSED);
}

export async function diagnoseRelayAccess(roster: Pick<Roster, 'all'>): Promise<Diagnostic> {
  const running = roster.all().filter(({ environment }) => environment === 'running');
  const tried = await Promise.all(
    running.map(async (student) => ({ name: student.row.name, isOpen: await isOpen(student) })),
  );
  const open = tried.filter((each) => each.isOpen).map(({ name }) => name);
  const subject = 'Relays';
  if (open.length === 0) {
    const found =
      running.length === 0
        ? 'not tried, no environment runs'
        : `${running.length} tried without the edge, none answered`;
    return { subject, ok: true, found, next: null };
  }
  return {
    subject,
    ok: false,
    found: `every user of this host reaches the servers of ${open.join(', ')}, also past a closed link`,
    next: `Their environments are of an earlier version, or the student has replaced the relay. This ends their terminals: ${open.map((name) => `devenv restart ${name}`).join('; ')}`,
  };
}
