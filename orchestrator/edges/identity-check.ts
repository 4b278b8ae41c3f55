/** Asks a link, through the edge, whose it is: no request of ours ever reaches a student's program. */
import { request } from 'node:http';
import { IDENTITY_PATH, type RelayIdentity } from '../agents/protocol.ts';

/** More than this is no identity, in bytes. */
const MAX_ANSWER = 4096;

/** Null for what is none. */
function readIdentity(text: string): RelayIdentity | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as RelayIdentity) : null;
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
          if (incoming.statusCode !== 200) resolve(`status ${incoming.statusCode}`);
          else resolve(readIdentity(text) ?? 'something else');
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    outgoing.end();
  });
}
