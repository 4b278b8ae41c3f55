/** Header lists as Node reads and writes them: name, value, name, value … in the sender's order and spelling. */
export type HeaderList = string[];

/** Meant for one connection, never forwarded (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Passes every header through `change`, which returns its new value, or null to drop it. `name` is in lower case. */
export function mapHeaders(
  headers: HeaderList,
  change: (name: string, value: string) => string | null,
): HeaderList {
  const changed: HeaderList = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const value = change(name.toLowerCase(), headers[at + 1] ?? '');
    if (value !== null) changed.push(name, value);
  }
  return changed;
}

/**
 * Forwarded even if `Connection` names them: they frame and route the message, and a body without its length would be
 * read as a second request.
 */
const ALWAYS_END_TO_END = new Set(['content-length', 'host']);

/** Drops the hop-by-hop headers and those that `Connection` names. */
export function withoutHopByHop(headers: HeaderList): HeaderList {
  const named = new Set<string>();
  mapHeaders(headers, (name, value) => {
    if (name === 'connection') for (const each of value.split(',')) named.add(each.trim().toLowerCase());
    return null;
  });
  for (const name of ALWAYS_END_TO_END) named.delete(name);
  return mapHeaders(headers, (name, value) => (HOP_BY_HOP.has(name) || named.has(name) ? null : value));
}
