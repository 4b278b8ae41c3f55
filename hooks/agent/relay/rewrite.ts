/**
 * Makes a dev server believe that it is visited on the student's own machine: `Host` and the student's own `Origin`
 * become `localhost:<port>`, and answers are turned back. The only combination that works for every dev server tried
 * (Vite, webpack-dev-server, Next, Astro, SvelteKit, Angular); a foreign `Origin` passes as it is, so that checks
 * against cross-site requests still bite.
 */
import { type HeaderList, mapHeaders } from './headers.ts';

export interface Names {
  /** The student's hostname, without port. */
  hostname: string;
  /** The student's link, e.g. `https://alice.example.com`. */
  url: string;
  /** The visitor's `Host` header. */
  host: string;
  /** How the service knows itself, e.g. `http://localhost:5173`. */
  local: string;
}

const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The name in a `Host` header: without port, without the root's dot, in lower case. */
export function hostnameOf(host: string): string {
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/** Whether a request for that `Host` is meant for this student: anything else is somebody's rebound DNS name. */
export function isOwnHost(host: string, hostname: string): boolean {
  const name = hostnameOf(host);
  return name === hostname || LOCAL_NAMES.has(name);
}

/** The origin under which the visitor knows the service: with the port of their own way to it. */
export function publicOrigin({ url, host, hostname }: Names): string {
  const own = new URL(url);
  return hostnameOf(host) === hostname ? `${own.protocol}//${host}` : own.origin;
}

function isOwnOrigin(origin: string, names: Names): boolean {
  if (origin === publicOrigin(names) || origin === new URL(names.url).origin) return true;
  return LOCAL_NAMES.has(hostnameOf(names.host)) && origin === `http://${names.host}`;
}

/** `Referer` keeps its path; only an own origin in front of it changes. */
function localReferer(referer: string, names: Names): string {
  if (!URL.canParse(referer)) return referer;
  const { origin } = new URL(referer);
  return isOwnOrigin(origin, names) ? names.local + referer.slice(origin.length) : referer;
}

/** What the service is sent. Nothing is invented: a request without `Origin` stays without. */
export function toService(headers: HeaderList, names: Names): HeaderList {
  return mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'host':
        return new URL(names.local).host;
      case 'origin':
        return isOwnOrigin(value, names) ? names.local : value;
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

/** `Location` of the service's own kind leads back to the public origin. */
function publicLocation(location: string, names: Names): string {
  const { port } = new URL(names.local);
  const found = location.match(/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?(?=[/?#]|$)/i);
  const isOwn = found !== null && (found[2] ?? '80') === (port || '80');
  return isOwn ? publicOrigin(names) + location.slice(found[0].length) : location;
}

/** A cookie for `localhost` would be lost, one for the whole zone would reach every other student. */
function ownCookie(cookie: string, hostname: string): string {
  return cookie.replace(/;\s*domain\s*=\s*\.?([^;]*)/i, (whole, domain: string) =>
    domain.trim().toLowerCase() === hostname ? whole : '',
  );
}

/** What the visitor is sent. */
export function toVisitor(headers: HeaderList, names: Names): HeaderList {
  const changed = mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'location':
        return publicLocation(value, names);
      case 'set-cookie':
        return ownCookie(value, names.hostname);
      case 'x-robots-tag':
        return null;
      default:
        return value;
    }
  });
  // A student's exercise is nobody's search result.
  return [...changed, 'X-Robots-Tag', 'noindex'];
}
