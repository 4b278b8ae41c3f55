/** Asks a link, through the edge, whose it is: no request of ours ever reaches a student's program. */
import { request } from 'node:http';
import { IDENTITY_PATH, type RelayIdentity } from '../agents/protocol.ts';

/** More than this is no identity, in bytes. */
const MAX_ANSWER = 4096;

function readIdentity(text: string): RelayIdentity | null {
  try {
    const answer: Partial<RelayIdentity> | null = JSON.parse(text);
    const { instance, student, hostname, service = null } = answer ?? {};
    const isIdentity = typeof instance === 'string' && typeof student === 'string';
    return isIdentity
      ? { instance, student, service, ...(typeof hostname === 'string' && { hostname }) }
      : null;
  } catch {
    return null;
  }
}

/** The identity behind a hostname, or what was found instead. The answer comes from a container: hostile. */
export function askIdentity(
  edge: { host: string; port: number },
  hostname: string,
  signal: AbortSignal,
): Promise<RelayIdentity | string> {
  return new Promise((resolve) => {
    const outgoing = request(
      { ...edge, path: IDENTITY_PATH, headers: { host: hostname }, agent: false, signal, timeout: 5000 },
      (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => {
          text += chunk;
          if (text.length > MAX_ANSWER) outgoing.destroy();
        });
        incoming.on('error', () => resolve('an answer that broke off'));
        incoming.on('end', () => {
          if (incoming.statusCode !== 200) return resolve(`status ${incoming.statusCode}`);
          resolve(readIdentity(text) ?? 'an answer that is no identity');
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    outgoing.end();
  });
}

/** Whether the answer is that of the route's own link: `alice`'s, or a further one of hers, `alice-4000`. */
export function isOwnAnswer(
  answer: RelayIdentity | string,
  route: { student: string; hostname: string },
  instance: string,
): answer is RelayIdentity {
  if (typeof answer === 'string' || answer.instance !== instance) return false;
  const isOwn = answer.student === route.student;
  if (answer.hostname === undefined) return isOwn;
  return answer.hostname === route.hostname && (isOwn || route.student.startsWith(`${answer.student}-`));
}
