/**
 * Makes a dev server believe that its visitor is on the student's own machine: `Host` and the link's own `Origin` become
 * `localhost:<port>`, and responses are translated back. Of the rewrites tried, only this one works with every dev
 * server (Vite, webpack-dev-server, Next, Astro, SvelteKit, Angular). A foreign `Origin` passes unchanged, so checks
 * against cross-site requests still work; one with a local name, which means the visitor's machine, becomes foreign. The
 * student's other links are translated as well, each to its own port, so a page may call an API on another port as it does
 * locally.
 */
import { type HeaderList, mapHeaders } from '../../../orchestrator/proxy/header-list.ts';
import { hostnameFromHeader } from '../../../orchestrator/proxy/request-target.ts';
import { cookieForVisitor, cookiesForService, isLocalName } from './browser-cookies.ts';
import { localQuery, publicAddresses } from './own-addresses.ts';

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
  /** The scheme that the visitor used, if the edge has said so; by default the link's. */
  visitorScheme?: 'http' | 'https' | undefined;
  /** The student's other links. */
  others: readonly ServiceUrls[];
  /** Which of the edge's headers about the visitor the service gets. By default only the address. */
  visitorHeaders?: VisitorHeaders;
  /** The environment's PORT, and whether nothing listens on a port. */
  ports?: { variable: number; isFree(port: number): boolean };
}

/** Headers of the edge that help some apps and disturb others. */
export interface VisitorHeaders {
  /** `X-Forwarded-Proto`, if the visitor came with HTTPS. */
  scheme: boolean;
  /** `X-Forwarded-For`. */
  address: boolean;
}

const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An origin with a local name. The port stays, so that each stays distinct. */
const LOCAL_ORIGIN = /^(https?:\/\/)(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])\.?(:\d+)?$/i;

/** Never exists (RFC 6761 §6.4), so no service trusts it. `null` would not do: Next accepts actions with that origin. */
const VISITORS_MACHINE = 'visitor.invalid';

/** Whether a `Host` names the machine itself. */
export const namesThisMachine = (host: string): boolean => LOCAL_NAMES.has(hostnameFromHeader(host));

/** Whether a request for that `Host` is meant for this student. Any other name may be a rebound DNS name. */
export function isOwnHost(host: string, hostname: string): boolean {
  const name = hostnameFromHeader(host);
  return name === hostname || namesThisMachine(host);
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

/** Translates the origin of one of the student's links to their own machine; null for any other origin. */
function serviceOf(origin: string, context: LinkContext): string | null {
  if (isOwnOrigin(origin, context)) return context.localUrl;
  const isOriginOf = (other: ServiceUrls) =>
    origin === otherOrigin(other, context) || origin === new URL(other.publicUrl).origin;
  return context.others.find(isOriginOf)?.localUrl ?? null;
}

/**
 * Translates an origin for the service; null if it stays. Local names from outside mean the visitor's own machine. The
 * service would take them for its own page, or trust them as its developer's.
 */
function localOrigin(origin: string, context: LinkContext): string | null {
  const service = serviceOf(origin, context);
  if (service !== null) return service;
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

/** Whether the visitor's browser treats the link like HTTPS. */
const isSecure = ({ publicUrl, visitorScheme, host, hostname }: LinkContext): boolean =>
  publicUrl.startsWith('https:') ||
  visitorScheme === 'https' ||
  isLocalName(host === '' ? hostname : hostnameFromHeader(host));

const DEFAULT_VISITOR_HEADERS: VisitorHeaders = { scheme: false, address: true };

/** Path and query for the service: pages put their own address into queries, and apps compare it with theirs. */
export const pathForService = (path: string, context: LinkContext): string =>
  localQuery(path, (origin) => serviceOf(origin, context));

/** Request headers for the service. Adds none: a request without `Origin` stays without. */
export function toService(headers: HeaderList, context: LinkContext): HeaderList {
  const { visitorHeaders = DEFAULT_VISITOR_HEADERS, visitorScheme } = context;
  return mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'host':
        return new URL(context.localUrl).host;
      case 'origin':
        return localOrigin(value, context) ?? value;
      // `Destination`: WebDAV (RFC 4918 §10.3). `HX-Current-URL`: htmx.
      case 'referer':
      case 'destination':
      case 'hx-current-url':
        return localReferer(value, context);
      case 'cookie':
        return cookiesForService(value, isSecure(context));
      case 'x-forwarded-proto':
        return visitorHeaders.scheme && visitorScheme === 'https' ? visitorScheme : null;
      case 'x-forwarded-for':
        return visitorHeaders.address ? value : null;
      case 'x-forwarded-host':
      case 'x-forwarded-port':
      case 'forwarded':
      case 'expect':
        return null;
      default:
        return value;
    }
  });
}

const defaultPort = (scheme: string) => (scheme === 'https' ? '443' : '80');
const portOf = ({ port, protocol }: URL) => Number(port || defaultPort(protocol.slice(0, -1)));

/**
 * The origin of the link for an address on the student's machine; null if it has none. Settings may name the port that the app
 * has without PORT: where nothing listens, the app is meant that PORT has moved.
 */
function linkOf(scheme: string | undefined, port: string | undefined, context: LinkContext): string | null {
  const own = new URL(context.localUrl);
  const named = Number(port ?? defaultPort(scheme ?? own.protocol.slice(0, -1)));
  const originOf = (wanted: number) => {
    if (wanted === portOf(own)) return publicOrigin(context);
    const other = context.others.find(({ localUrl }) => portOf(new URL(localUrl)) === wanted);
    return other === undefined ? null : otherOrigin(other, context);
  };
  const { ports } = context;
  return originOf(named) ?? (ports?.isFree(named) === true ? originOf(ports.variable) : null);
}

/** In every spelling of a local hostname: most headers and bodies have none. */
const LOCAL_NAME = /localhost|\.0\.0\.|\[::|5B%/i;

/** Translates every address on the student's machine to the link of its port; all others stay. */
const toPublic = (text: string, context: LinkContext): string =>
  LOCAL_NAME.test(text) ? publicAddresses(text, (scheme, port) => linkOf(scheme, port, context)) : text;

/** Ports of frameworks that read PORT. In a body, another port without a listener rather names a server that does not run. */
const DEFAULT_PORTS = new Set([3000, 4200, 8000, 8080]);

/** Translates a body for the visitor. */
export function bodyForVisitor(text: string, context: LinkContext): string {
  const { ports } = context;
  if (ports === undefined) return toPublic(text, context);
  const isFree = (port: number) => DEFAULT_PORTS.has(port) && ports.isFree(port);
  return toPublic(text, { ...context, ports: { ...ports, isFree } });
}

/**
 * Translates `Access-Control-Allow-Origin`, the origin that may read the response. If two links point to one service, the
 * link that asked is preferred.
 */
function publicAllowedOrigin(allowed: string, context: LinkContext): string {
  const { origin } = context;
  if (origin !== undefined && localOrigin(origin, context) === allowed) return origin;
  return toPublic(allowed, context);
}

/** Browsers exempt `localhost` from this directive. On an HTTP link it would replace every address by one that does not exist. */
const withoutUpgrade = (policy: string): string =>
  policy
    .split(';')
    .filter((directive) => directive.trim().toLowerCase() !== 'upgrade-insecure-requests')
    .join(';');

/** Response headers for the visitor. */
export function toVisitor(headers: HeaderList, context: LinkContext): HeaderList {
  const changed = mapHeaders(headers, (name, value) => {
    switch (name) {
      case 'access-control-allow-origin':
        return publicAllowedOrigin(value, context);
      case 'set-cookie':
        return cookieForVisitor(value, context.hostname, isSecure(context));
      case 'content-security-policy':
        return toPublic(isSecure(context) ? value : withoutUpgrade(value), context);
      // Alternative services (HTTP/3) are not reachable from outside.
      case 'alt-svc':
      case 'x-robots-tag':
        return null;
      case 'etag':
        return value;
      default:
        return toPublic(value, context);
    }
  });
  // Search engines should not list students' exercises.
  return [...changed, 'X-Robots-Tag', 'noindex'];
}
