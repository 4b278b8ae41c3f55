/** Header lists as Node gives and takes them: name, value, name, value … in the order and spelling of the sender. */
export type HeaderList = string[];

/** RFC 9110 §7.6.1: meant for one connection, never forwarded. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Every header through `change`: its new value, or null to drop it. `name` is in lower case. */
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

/** What frames and routes a message goes with it whatever `Connection` says: a body without its length is a request. */
const END_TO_END = new Set(['content-length', 'host']);

/** Without what was meant for this connection only, the headers that `Connection` names included. */
export function withoutHopByHop(headers: HeaderList): HeaderList {
  const named = new Set<string>();
  mapHeaders(headers, (name, value) => {
    if (name === 'connection') for (const each of value.split(',')) named.add(each.trim().toLowerCase());
    return null;
  });
  for (const name of END_TO_END) named.delete(name);
  return mapHeaders(headers, (name, value) => (HOP_BY_HOP.has(name) || named.has(name) ? null : value));
}
