/**
 * Makes a dev server believe that it is visited on the student's own machine: `Host` and the student's own `Origin`
 * become `localhost:<port>`, and answers are turned back. The only combination that works for every dev server tried
 * (Vite, webpack-dev-server, Next, Astro, SvelteKit, Angular); a foreign `Origin` passes as it is, so that checks
 * against cross-site requests still bite. The student's other links are turned likewise, each with the port of its
 * own, so that a page may call the API beside it as it does there.
 */

import { withoutForeignDomain } from '../../../orchestrator/proxy/cookie-domain.ts';
import { type HeaderList, mapHeaders } from '../../../orchestrator/proxy/header-list.ts';
import { hostnameFromHeader } from '../../../orchestrator/proxy/host-header.ts';

/** A link of the student's, and how the service behind it knows itself, e.g. `http://localhost:4000`. */
export interface LinkNames {
  url: string;
  local: string;
}

export interface Names extends LinkNames {
  /** The link's hostname, without port. */
  hostname: string;
  /** The visitor's `Host` header. */
  host: string;
  /** The visitor's `Origin` header. */
  origin?: string | undefined;
  /** The student's other links. */
  others: readonly LinkNames[];
}

const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a request for that `Host` is meant for this student: anything else is somebody's rebound DNS name. */
export function isOwnHost(host: string, hostname: string): boolean {
  const name = hostnameFromHeader(host);
  return name === hostname || LOCAL_NAMES.has(name);
}

/** The origin under which the visitor knows the service: with the port of their own way to it. */
function publicOrigin({ url, host, hostname }: Names): string {
  const own = new URL(url);
  return hostnameFromHeader(host) === hostname ? `${own.protocol}//${host}` : own.origin;
}

/** The same for another link of the student's: the visitor's way to it has the same port. */
function otherOrigin({ url }: LinkNames, { host, hostname }: Names): string {
  const other = new URL(url);
  if (hostnameFromHeader(host) !== hostname) return other.origin;
  return `${other.protocol}//${other.hostname}${host.match(/:\d+$/)?.[0] ?? ''}`;
}

function isOwnOrigin(origin: string, names: Names): boolean {
  if (origin === publicOrigin(names) || origin === new URL(names.url).origin) return true;
  return LOCAL_NAMES.has(hostnameFromHeader(names.host)) && origin === `http://${names.host}`;
}

/** What an origin of the student's is on their own machine; null for a foreign one. */
function localOrigin(origin: string, names: Names): string | null {
  if (isOwnOrigin(origin, names)) return names.local;
  const isIt = (other: LinkNames) =>
    origin === otherOrigin(other, names) || origin === new URL(other.url).origin;
  return names.others.find(isIt)?.local ?? null;
}

/** `Referer` keeps its path; only an own origin in front of it changes. */
function localReferer(referer: string, names: Names): string {
  if (!URL.canParse(referer)) return referer;
  const { origin, pathname, search } = new URL(referer);
  const local = localOrigin(origin, names);
  return local === null ? referer : local + pathname + search;
}

/** What the service is sent. Nothing is invented: a request without `Origin` stays without. */
export function toService(headers: HeaderList, names: Names): HeaderList {
  return mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'host':
        return new URL(names.local).host;
      case 'origin':
        return localOrigin(value, names) ?? value;
      case 'referer':
        return localReferer(value, names);
      case 'x-forwarded-host':
      case 'x-forwarded-proto':
      case 'x-forwarded-port':
      case 'forwarded':
      case 'expect':
        return null;
      default:
        return value;
    }
  });
}

/** The beginning of an address by which a service on this machine names itself, with or without a scheme. */
const LOCAL_ADDRESS =
  /^(?:(https?):)?\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d+))?(?=[/?#]|$)/i;

const defaultPort = (scheme: string) => (scheme.toLowerCase() === 'https' ? '443' : '80');
const portOf = ({ port, protocol }: URL) => port || defaultPort(protocol.slice(0, -1));

/** An address on the student's machine leads to the link that it has; every other one stays. */
function publicAddress(address: string, names: Names): string {
  const found = address.match(LOCAL_ADDRESS);
  if (found === null) return address;
  const own = new URL(names.local);
  const [start, scheme = own.protocol.slice(0, -1), theirs = defaultPort(scheme)] = found;
  const rest = address.slice(start.length);
  if (theirs === portOf(own)) return publicOrigin(names) + rest;
  const other = names.others.find(({ local }) => theirs === portOf(new URL(local)));
  return other === undefined ? address : otherOrigin(other, names) + rest;
}

/** Who may read the answer, as the visitor's browser knows them: first of all who asks, of two links to one service. */
function publicAllowed(allowed: string, names: Names): string {
  const { origin, local, others } = names;
  if (origin !== undefined && localOrigin(origin, names) === allowed) return origin;
  if (allowed === local) return publicOrigin(names);
  const other = others.find((each) => each.local === allowed);
  return other === undefined ? allowed : otherOrigin(other, names);
}

/** `Refresh: 3; url=http://localhost:5173/` */
function publicRefresh(refresh: string, names: Names): string {
  return refresh.replace(
    /^(\s*\d*\s*[;,]\s*url\s*=\s*["']?)([^"']*)/i,
    (_whole, start: string, address: string) => start + publicAddress(address, names),
  );
}

/** What the visitor is sent. */
export function toVisitor(headers: HeaderList, names: Names): HeaderList {
  const changed = mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'location':
      case 'content-location':
        return publicAddress(value, names);
      case 'refresh':
        return publicRefresh(value, names);
      case 'access-control-allow-origin':
        return publicAllowed(value, names);
      case 'set-cookie':
        return withoutForeignDomain(value, names.hostname);
      // Another way to the same server (HTTP/3) is no way from outside.
      case 'alt-svc':
      case 'x-robots-tag':
        return null;
      default:
        return value;
    }
  });
  // A student's exercise is nobody's search result.
  return [...changed, 'X-Robots-Tag', 'noindex'];
}
