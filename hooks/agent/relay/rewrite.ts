/**
 * Makes a dev server believe that its visitor is on the student's own machine: `Host` and the link's own `Origin` become
 * `localhost:<port>`, and responses are translated back. Of the rewrites tried, only this one works with every dev
 * server (Vite, webpack-dev-server, Next, Astro, SvelteKit, Angular). A foreign `Origin` passes unchanged, so checks
 * against cross-site requests still work; one with a local name, which means the visitor's machine, becomes foreign. The student's other links are translated as well, each to its own port, so a
 * page may call an API on another port as it does locally.
 */
import { withoutForeignDomain } from '../../../orchestrator/proxy/cookie-domain.ts';
import { type HeaderList, mapHeaders } from '../../../orchestrator/proxy/header-list.ts';
import { hostnameFromHeader } from '../../../orchestrator/proxy/request-target.ts';

/** The two addresses of a service: its link, and its address on the student's machine, e.g. `http://localhost:4000`. */
export interface ServiceUrls {
  publicUrl: string;
  localUrl: string;
}

/** The link under which a request came, and what its translation depends on. */
export interface LinkContext extends ServiceUrls {
  /** The link's hostname, without port. */
  hostname: string;
  /** The visitor's `Host` header. */
  host: string;
  /** The visitor's `Origin` header. */
  origin?: string | undefined;
  /** The student's other links. */
  others: readonly ServiceUrls[];
}

const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An origin with a local name. The port stays, so that each stays distinct. */
const LOCAL_ORIGIN = /^(https?:\/\/)(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])\.?(:\d+)?$/i;

/** Never exists (RFC 6761 §6.4), so no service trusts it. `null` would not do: Next accepts actions with that origin. */
const VISITORS_MACHINE = 'visitor.invalid';

/** Whether a request for that `Host` is meant for this student. Any other name may be a rebound DNS name. */
export function isOwnHost(host: string, hostname: string): boolean {
  const name = hostnameFromHeader(host);
  return name === hostname || LOCAL_NAMES.has(name);
}

/** The link's origin as the visitor's browser knows it: with the port that the visitor used. */
function publicOrigin({ publicUrl, host, hostname }: LinkContext): string {
  const own = new URL(publicUrl);
  return hostnameFromHeader(host) === hostname ? `${own.protocol}//${host}` : own.origin;
}

/** The origin of another link, with the port that the visitor used for this one. */
function otherOrigin({ publicUrl }: ServiceUrls, { host, hostname }: LinkContext): string {
  const other = new URL(publicUrl);
  if (hostnameFromHeader(host) !== hostname) return other.origin;
  return `${other.protocol}//${other.hostname}${host.match(/:\d+$/)?.[0] ?? ''}`;
}

/** Whether the request came by a local name, so from inside the container. */
const isFromInside = ({ host }: LinkContext) => LOCAL_NAMES.has(hostnameFromHeader(host));

function isOwnOrigin(origin: string, context: LinkContext): boolean {
  if (origin === publicOrigin(context) || origin === new URL(context.publicUrl).origin) return true;
  return isFromInside(context) && origin === `http://${context.host}`;
}

/**
 * Translates an origin of the student's links to their own machine; null for a foreign one. Local names from outside mean
 * the visitor's own machine. The service would take them for its own page, or trust them as its developer's.
 */
function localOrigin(origin: string, context: LinkContext): string | null {
  if (isOwnOrigin(origin, context)) return context.localUrl;
  const isOriginOf = (other: ServiceUrls) =>
    origin === otherOrigin(other, context) || origin === new URL(other.publicUrl).origin;
  const other = context.others.find(isOriginOf);
  if (other !== undefined) return other.localUrl;
  if (isFromInside(context) || !LOCAL_ORIGIN.test(origin)) return null;
  return origin.replace(LOCAL_ORIGIN, `$1${VISITORS_MACHINE}$2`);
}

/** Translates the origin of a `Referer`, and keeps its path. */
function localReferer(referer: string, context: LinkContext): string {
  if (!URL.canParse(referer)) return referer;
  const { origin, pathname, search } = new URL(referer);
  const local = localOrigin(origin, context);
  return local === null ? referer : local + pathname + search;
}

/** Request headers for the service. Adds none: a request without `Origin` stays without. */
export function toService(headers: HeaderList, context: LinkContext): HeaderList {
  return mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'host':
        return new URL(context.localUrl).host;
      case 'origin':
        return localOrigin(value, context) ?? value;
      case 'referer':
        return localReferer(value, context);
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

/** The start of an address with which a service on this machine names itself, with or without a scheme. */
const LOCAL_ADDRESS =
  /^(?:(https?):)?\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d+))?(?=[/?#]|$)/i;

const defaultPort = (scheme: string) => (scheme.toLowerCase() === 'https' ? '443' : '80');
const portOf = ({ port, protocol }: URL) => port || defaultPort(protocol.slice(0, -1));

/** Translates an address on the student's machine to the link of its port; every other address stays. */
function publicAddress(address: string, context: LinkContext): string {
  const found = address.match(LOCAL_ADDRESS);
  if (found === null) return address;
  const own = new URL(context.localUrl);
  const [start, scheme = own.protocol.slice(0, -1), port = defaultPort(scheme)] = found;
  const rest = address.slice(start.length);
  if (port === portOf(own)) return publicOrigin(context) + rest;
  const other = context.others.find(({ localUrl }) => port === portOf(new URL(localUrl)));
  return other === undefined ? address : otherOrigin(other, context) + rest;
}

/**
 * Translates `Access-Control-Allow-Origin`, the origin that may read the response. If two links point to one service, the
 * link that asked is preferred.
 */
function publicAllowedOrigin(allowed: string, context: LinkContext): string {
  const { origin, localUrl, others } = context;
  if (origin !== undefined && localOrigin(origin, context) === allowed) return origin;
  if (allowed === localUrl) return publicOrigin(context);
  const other = others.find((each) => each.localUrl === allowed);
  return other === undefined ? allowed : otherOrigin(other, context);
}

/** `Refresh: 3; url=http://localhost:5173/` */
function publicRefresh(refresh: string, context: LinkContext): string {
  return refresh.replace(
    /^(\s*\d*\s*[;,]\s*url\s*=\s*["']?)([^"']*)/i,
    (_whole, start: string, address: string) => start + publicAddress(address, context),
  );
}

/** Response headers for the visitor. */
export function toVisitor(headers: HeaderList, context: LinkContext): HeaderList {
  const changed = mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'location':
      case 'content-location':
        return publicAddress(value, context);
      case 'refresh':
        return publicRefresh(value, context);
      case 'access-control-allow-origin':
        return publicAllowedOrigin(value, context);
      case 'set-cookie':
        return withoutForeignDomain(value, context.hostname);
      // Alternative services (HTTP/3) are not reachable from outside.
      case 'alt-svc':
      case 'x-robots-tag':
        return null;
      default:
        return value;
    }
  });
  // Search engines should not list students' exercises.
  return [...changed, 'X-Robots-Tag', 'noindex'];
}
