/** Notices about the student's servers: which port the link shows and why, and which other ports have a web server. */
import { isPublicWebServer } from '../protocol/listener-purpose.ts';
import type { Report, Service } from '../protocol/messages.ts';
import { selectionReasonText } from '../protocol/selection-reason.ts';
import type { Line, Situation } from './notice-texts.ts';

/** A port, and since when; ms since 1970. */
interface PortSince {
  port: number;
  since: number;
}

export interface ServiceMemory {
  /** The port that the student was last told of. */
  announcedPort: number | null;
  /** The port that the link shows now, where that has changed since. */
  portChange: PortSince | null;
  /** All web servers in the environment. */
  webServers: PortSince[];
  /** Other ports that were mentioned while the link showed `announcedPort`. */
  mentionedPorts: number[];
}

/** A server or a change of port is mentioned once it has lasted this long: those of a test run come and go. */
export const LASTING_MS = 3000;

const MAX_PORTS_SHOWN = 3;
const MAX_PORTS_REMEMBERED = 64;

function liveLine(url: string, { port, reason }: Service): Line {
  const why = reason === 'port-variable' ? '' : `   (port ${port}: ${selectionReasonText(reason)})`;
  return { kind: 'live', text: `live at ${url}${why}` };
}

/** Pages often call a second server at `localhost:PORT`, which is the visitor's own machine. */
function otherPortsLine({ port: shown }: Service, ports: readonly number[]): Line {
  const [first] = ports;
  const hidden = ports.length - MAX_PORTS_SHOWN;
  const list = `${ports.slice(0, MAX_PORTS_SHOWN).join(', ')}${hidden > 0 ? ` and ${hidden} more` : ''}`;
  const also = ports.length === 1 ? '' : ` Ports ${list} also have a web server.`;
  const text = `Your link shows port ${shown}.${also} To show ${first}: devenv-port ${first}   (visitors can't reach localhost:${first}; a page that calls it needs a proxy in the server on ${shown})`;
  return { kind: 'info', text };
}

function additionalLinkLine(url: string, port: number): Line {
  const text = `live at ${url}   (port ${port}; pages must call it by this address: visitors can't reach localhost:${port})`;
  return { kind: 'live', text };
}

/** Mentions a port change once it lasts, or at once where the student chose the port. */
function followPort(
  memory: ServiceMemory,
  service: Service,
  now: number,
): { memory: ServiceMemory; line: Line | null } {
  const { announcedPort, mentionedPorts, portChange } = memory;
  const change = portChange?.port === service.port ? portChange : { port: service.port, since: now };
  if (service.reason !== 'chosen' && now - change.since < LASTING_MS)
    return { memory: { ...memory, portChange: change }, line: null };
  const text = `Your link shows port ${service.port} now: ${selectionReasonText(service.reason)}.`;
  return {
    memory: {
      ...memory,
      portChange: null,
      announcedPort: service.port,
      mentionedPorts: [...mentionedPorts, announcedPort ?? service.port],
    },
    line: { kind: 'info', text },
  };
}

/** Mentions web servers besides the service: each with its additional link, or how to switch to it. */
function followOtherPorts(
  memory: ServiceMemory,
  service: Service,
  { now, additionalLinks, maxLinks }: Situation,
): { memory: ServiceMemory; lines: Line[] } {
  const unmentioned = memory.webServers.filter(
    ({ port }) => port !== service.port && !memory.mentionedPorts.includes(port),
  );
  const linked = unmentioned.map(({ port }) => port).filter((port) => additionalLinks.has(port));
  const lasting = unmentioned.filter(
    ({ port, since }) => !additionalLinks.has(port) && now - since >= LASTING_MS,
  );
  // While another additional link may still open, its own `live at` line comes instead.
  const unlinked = additionalLinks.size + 1 < maxLinks ? [] : lasting.map(({ port }) => port);
  const lines = linked.map((port) => additionalLinkLine(additionalLinks.get(port) ?? '', port));
  if (unlinked.length > 0) lines.push(otherPortsLine(service, unlinked));
  const mentionedPorts = [...memory.mentionedPorts, ...linked, ...unlinked].slice(-MAX_PORTS_REMEMBERED);
  return { memory: { ...memory, mentionedPorts }, lines };
}

/** The lines about the servers of a live link. `isNew`: `live at …` is due. */
export function followService(
  memory: ServiceMemory,
  { service, listeners }: Pick<Report, 'service' | 'listeners'>,
  situation: Situation,
  isNew: boolean,
): { memory: ServiceMemory; lines: Line[] } {
  const { url, now } = situation;
  const webServers = listeners
    .filter(isPublicWebServer)
    .map(({ port }) => memory.webServers.find((each) => each.port === port) ?? { port, since: now });
  const observed: ServiceMemory = { ...memory, webServers };
  if (service === null) return { memory: { ...observed, portChange: null }, lines: [] };
  if (isNew) {
    const mentionedPorts = memory.announcedPort === service.port ? memory.mentionedPorts : [];
    const announced = { ...observed, portChange: null, announcedPort: service.port, mentionedPorts };
    const others = followOtherPorts(announced, service, situation);
    return { memory: others.memory, lines: [liveLine(url, service), ...others.lines] };
  }
  if (memory.announcedPort === service.port)
    return followOtherPorts({ ...observed, portChange: null }, service, situation);
  const changed = followPort(observed, service, now);
  if (changed.line === null) return { memory: changed.memory, lines: [] };
  const others = followOtherPorts(changed.memory, service, situation);
  return { memory: others.memory, lines: [changed.line, ...others.lines] };
}
