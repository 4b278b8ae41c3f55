/** Reads the `Host` header. */
/** The name in a `Host` header: without port, without the root's dot, in lower case. */
export function hostnameFromHeader(host: string): string {
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
