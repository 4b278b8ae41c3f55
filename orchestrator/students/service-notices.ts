/** What a student is told of their servers: where the link leads and why, and what else listens. */

import type { Listener, Report, Service } from '../protocol/messages.ts';
import { selectionReasonText } from '../protocol/selection-reason.ts';
import type { Line } from './situation.ts';

export interface ServiceMemory {
  /** The port that the student was last told of. */
  told: number | null;
  /** The link leads to another one, since when; ms since 1970. A server that restarts is no news. */
  changing: { port: number; since: number } | null;
  /** The ports of the web servers that there are, each since when; ms since 1970. */
  seen: { port: number; since: number }[];
  /** Other web servers' ports that were told while the link led to `told`. */
  others: number[];
}

/** A change of port that lasts is one, and so is a further server: those of a test run come and go. In ms. */
const LASTING = 3000;

/** Most ports that a line names. */
const MOST_PORTS = 3;

const isWeb = ({ isPublic, speaks }: Listener) => isPublic && (speaks === 'http' || speaks === 'https');

function liveLine(url: string, service: Service): Line {
  const why =
    service.reason === 'port-variable'
      ? ''
      : `   (port ${service.port}: ${selectionReasonText(service.reason)})`;
  return { kind: 'live', text: `live at ${url}${why}` };
}

/** Visitors reach one port: what a page calls on another one is the visitor's own machine. */
function othersLine(service: Service, ports: readonly number[]): Line {
  const [first] = ports;
  const more = ports.length > MOST_PORTS ? ` and ${ports.length - MOST_PORTS} more` : '';
  const named = ports.slice(0, MOST_PORTS).join(', ');
  const also = ports.length === 1 ? `port ${first} serves too` : `ports ${named}${more} serve too`;
  const text = `${also}, but your link leads to ${service.port}: \`devenv-port ${first}\` switches. Visitors can't reach localhost:${first}; a page that calls it needs a proxy in the server on ${service.port}`;
  return { kind: 'info', text };
}

/** A page that calls the other server by the name that it has in here calls the visitor's own machine. */
function linkedLine(url: string, port: number): Line {
  const text = `live at ${url}   (port ${port}; a page must call it there: visitors can't reach localhost:${port})`;
  return { kind: 'live', text };
}

/** What else is so while the link is live. */
export interface ServiceSituation {
  url: string;
  /** `live at …` is due. */
  isNew: boolean;
  now: number;
  /** Further links that are live, by port. */
  links: ReadonlyMap<number, string>;
  /** How many links there may be in all. */
  mostLinks: number;
}

/** Called while the link is live. */
export function followService(
  memory: ServiceMemory,
  { service, listeners }: Pick<Report, 'service' | 'listeners'>,
  { url, isNew, now, links, mostLinks }: ServiceSituation,
): { memory: ServiceMemory; lines: Line[] } {
  const seen = listeners
    .filter(isWeb)
    .map(({ port }) => memory.seen.find((each) => each.port === port) ?? { port, since: now });
  let next: ServiceMemory = { ...memory, changing: null, seen };
  if (service === null) return { memory: next, lines: [] };
  const lines: Line[] = [];
  if (isNew) {
    lines.push(liveLine(url, service));
    next = { ...next, told: service.port, others: memory.told === service.port ? memory.others : [] };
  } else if (memory.told !== service.port) {
    const changing =
      memory.changing?.port === service.port ? memory.changing : { port: service.port, since: now };
    if (service.reason !== 'chosen' && now - changing.since < LASTING)
      return { memory: { ...next, changing }, lines };
    const text = `your link leads to port ${service.port} now: ${selectionReasonText(service.reason)}`;
    lines.push({ kind: 'info', text });
    next = { ...next, told: service.port, others: [...memory.others, memory.told ?? service.port] };
  }
  const unheard = seen.filter(({ port }) => port !== service.port && !next.others.includes(port));
  const linked = unheard.map(({ port }) => port).filter((port) => links.has(port));
  for (const port of linked) lines.push(linkedLine(links.get(port) ?? '', port));
  // A link of its own is told when it is live; until then, and where there may be no more, there is only the one.
  const lasting = unheard.filter(({ port, since }) => !links.has(port) && now - since >= LASTING);
  const rest = links.size + 1 < mostLinks ? [] : lasting.map(({ port }) => port);
  if (rest.length > 0) lines.push(othersLine(service, rest));
  next.others = [...next.others, ...linked, ...rest].slice(-64);
  return { memory: next, lines };
}
