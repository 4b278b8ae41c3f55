/** What a request asks for. */
import type { IncomingMessage } from 'node:http';

export interface RequestTarget {
  /** The name and port asked for; empty where an HTTP/1.0 request names none. */
  host: string;
  /** Path and query, as an origin server is asked. */
  path: string;
}

/**
 * An absolute target overrules `Host` (RFC 9112 §3.2.2). Null where the request contradicts itself, so that two
 * readers could take it for two different students': more than one `Host`, or a name with a user in front.
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
