/** Asks a link for its identity, through the edge or at its origin. Such a request never reaches a student's program. */
import { request } from 'node:http';
import type { Clock } from '../clock.ts';
import { IDENTITY_PATH } from '../protocol/constants.ts';
import { linkFingerprint } from '../protocol/link-fingerprint.ts';
import type { RelayIdentity } from '../protocol/messages.ts';
import { hostForRelay } from '../protocol/relay-key.ts';
import { limitInformationalResponses } from '../proxy/upstream-request.ts';
import type { Route } from './edge.ts';

/** Longest accepted answer, and longest headers. */
const MAX_ANSWER_BYTES = 4096;
/** Deadline for the whole answer: a server that sends a byte now and then would never trip an idle timeout. */
const ANSWER_TIMEOUT_MS = 5000;

function readIdentity(text: string): RelayIdentity | null {
  try {
    const answer: Partial<RelayIdentity> | null = JSON.parse(text);
    const { fingerprint, isServing } = answer ?? {};
    return typeof fingerprint === 'string' ? { fingerprint, isServing: isServing === true } : null;
  } catch {
    return null;
  }
}

export interface Address {
  host: string;
  port: number;
}

/** Returns the identity behind a `Host`, or a description of the failure. The answer comes from a container and is hostile. */
export function fetchLinkIdentity(
  address: Address,
  host: string,
  signal: AbortSignal,
): Promise<RelayIdentity | string> {
  return new Promise((resolve) => {
    const options = { path: IDENTITY_PATH, headers: { host }, maxHeaderSize: MAX_ANSWER_BYTES };
    const outgoing = request({ ...address, ...options, agent: false, signal }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) outgoing.destroy();
      });
      incoming.on('error', () => resolve('an answer that broke off'));
      incoming.on('end', () => {
        if (incoming.statusCode !== 200) return resolve(`status ${incoming.statusCode}`);
        resolve(readIdentity(text) ?? 'an answer that is not an identity');
      });
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error('no complete answer in time')),
      ANSWER_TIMEOUT_MS,
    );
    limitInformationalResponses(outgoing);
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    // An unrequested 101 ends the request without an error event.
    outgoing.on('close', () => {
      clearTimeout(timer);
      resolve('an answer that is not HTTP');
    });
    outgoing.end();
  });
}

/** Whether the answer identifies this very route: a relay answers for its student's own link and for additional ones. */
function isOwnIdentity(
  answer: RelayIdentity | string,
  { owner, hostname }: Pick<Route, 'owner' | 'hostname'>,
  instance: string,
): answer is RelayIdentity {
  return typeof answer !== 'string' && answer.fingerprint === linkFingerprint(instance, owner, hostname);
}

export interface IdentityCheck {
  route: Route;
  /** What to send as `Host`: an edge gets the hostname, a relay its key as well. */
  host: string;
  instance: string;
  clock: Clock;
  /** Pause between two requests. */
  retryMs: number;
  signal: AbortSignal;
}

/** Asks until the address answers as that route's, then resolves to null; to what was found instead when `signal` aborts. */
export async function awaitLinkIdentity(
  address: Address,
  { route, host, instance, clock, retryMs, signal }: IdentityCheck,
): Promise<string | null> {
  let found = 'nothing';
  while (!signal.aborted) {
    const answer = await fetchLinkIdentity(address, host, signal);
    if (isOwnIdentity(answer, route, instance)) return null;
    // A request that was cut off says nothing about the link.
    if (!signal.aborted) found = typeof answer === 'string' ? answer : 'the answer of another student';
    await clock.sleep(retryMs, signal);
  }
  return found;
}

/** The same for an address of the route's relay, past the edge. */
export function awaitRelayIdentity(
  address: Address,
  check: Omit<IdentityCheck, 'host'>,
): Promise<string | null> {
  const { hostname, relayKey } = check.route;
  return awaitLinkIdentity(address, { ...check, host: hostForRelay(relayKey, hostname) });
}

/** The address in a route's origin. */
export function originAddress({ origin }: Pick<Route, 'origin'>): Address {
  const { hostname, port } = new URL(origin);
  return { host: hostname, port: Number(port) };
}
