/** Asks a link, through the edge, whose it is: no request of ours ever reaches a student's program. */
import { request } from 'node:http';
import { IDENTITY_PATH } from '../protocol/constants.ts';
import { linkFingerprint } from '../protocol/link-fingerprint.ts';
import type { RelayIdentity } from '../protocol/messages.ts';
import { limitInformationalResponses } from '../proxy/upstream-request.ts';
import type { Route } from './edge.ts';

/** More than this is no identity, in bytes; nor are headers of more. */
const MAX_ANSWER = 4096;
/** It has come within this time, or it is none; in ms. Whoever drips a byte now and then would hold us for hours. */
const PATIENCE = 5000;

function readIdentity(text: string): RelayIdentity | null {
  try {
    const answer: Partial<RelayIdentity> | null = JSON.parse(text);
    const { fingerprint, isServing } = answer ?? {};
    return typeof fingerprint === 'string' ? { fingerprint, isServing: isServing === true } : null;
  } catch {
    return null;
  }
}

/** The identity behind a hostname, or what was found instead. The answer comes from a container: hostile. */
export function fetchLinkIdentity(
  edge: { host: string; port: number },
  hostname: string,
  signal: AbortSignal,
): Promise<RelayIdentity | string> {
  return new Promise((resolve) => {
    const options = { path: IDENTITY_PATH, headers: { host: hostname }, maxHeaderSize: MAX_ANSWER };
    const outgoing = request({ ...edge, ...options, agent: false, signal }, (incoming) => {
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
    });
    const timer = setTimeout(() => outgoing.destroy(new Error('no whole answer in time')), PATIENCE);
    limitInformationalResponses(outgoing);
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    // An unasked 101 ends it without an error.
    outgoing.on('close', () => {
      clearTimeout(timer);
      resolve('no answer in HTTP');
    });
    outgoing.end();
  });
}

/** Whether the answer is that of this very route: the relay answers for its student's own link and additional ones. */
export function isOwnIdentity(
  answer: RelayIdentity | string,
  { owner, hostname }: Pick<Route, 'owner' | 'hostname'>,
  instance: string,
): answer is RelayIdentity {
  return typeof answer !== 'string' && answer.fingerprint === linkFingerprint(instance, owner, hostname);
}
