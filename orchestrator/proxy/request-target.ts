/** Reads which host and path a request asks for. */
import type { IncomingMessage } from 'node:http';

export interface RequestTarget {
  /** Hostname and port as requested; empty for an HTTP/1.0 request without `Host`. */
  host: string;
  /** Path and query, as sent to an origin server. */
  path: string;
}

/**
 * An absolute target takes precedence over `Host` (RFC 9112 §3.2.2). Returns null for an ambiguous request, which two
 * servers could attribute to two different students: more than one `Host` header, or user information before the hostname.
 */
export function requestTarget({ url = '/', headers, rawHeaders }: IncomingMessage): RequestTarget | null {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1) return null;
  const absolute = url.match(/^https?:\/\/([^/?#]*)/i);
  if (absolute === null) return { host: headers.host ?? '', path: url };
  const [start, host = ''] = absolute;
  const rest = url.slice(start.length);
  return host.includes('@') ? null : { host, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** The hostname in a `Host` header: without port and trailing dot, in lower case. */
export function hostnameFromHeader(host: string): string {
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
