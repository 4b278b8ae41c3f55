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
function publicOrigin({ url, host, hostname }: Names): string {
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
  const { origin, pathname, search } = new URL(referer);
  return isOwnOrigin(origin, names) ? names.local + pathname + search : referer;
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

/** The beginning of an address by which a service on this machine names itself, with or without a scheme. */
const LOCAL_ADDRESS =
  /^(?:(https?):)?\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d+))?(?=[/?#]|$)/i;

const defaultPort = (scheme: string) => (scheme.toLowerCase() === 'https' ? '443' : '80');

/** An address of the service's own leads back to the public origin; every other one stays. */
function publicAddress(address: string, names: Names): string {
  const { port, protocol } = new URL(names.local);
  const own = protocol.slice(0, -1);
  const found = address.match(LOCAL_ADDRESS);
  if (found === null) return address;
  const [start, scheme = own, theirs = defaultPort(scheme)] = found;
  return theirs === (port || defaultPort(own)) ? publicOrigin(names) + address.slice(start.length) : address;
}

/** `Refresh: 3; url=http://localhost:5173/` */
function publicRefresh(refresh: string, names: Names): string {
  return refresh.replace(
    /^(\s*\d*\s*[;,]\s*url\s*=\s*["']?)([^"']*)/i,
    (_whole, start: string, address: string) => start + publicAddress(address, names),
  );
}

/**
 * A cookie for `localhost` would be lost, one for the whole zone would be planted on every other student. Of several
 * `Domain`s the last one counts (RFC 6265 §5.3), so all of them go unless every one is the student's own hostname.
 */
export function ownCookie(cookie: string, hostname: string): string {
  const [value = '', ...attributes] = cookie.split(';');
  const isForeign = (attribute: string) => {
    const [name = '', ...rest] = attribute.split('=');
    const domain = rest.join('=').trim().replace(/^\./, '').toLowerCase();
    return name.trim().toLowerCase() === 'domain' && domain !== hostname;
  };
  return [value, ...attributes.filter((attribute) => !isForeign(attribute))].join(';');
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
        return value === names.local ? publicOrigin(names) : value;
      case 'set-cookie':
        return ownCookie(value, names.hostname);
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
