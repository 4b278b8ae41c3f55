/**
 * The service that the link shows, from one observation to the next: it stays while it listens, so that a server that
 * another program starts does not take the link, and gets it back when it has restarted.
 */
import { isPublicWebServer } from '../../orchestrator/protocol/listener-purpose.ts';
import type { Service } from '../../orchestrator/protocol/messages.ts';
import type { Choice } from './chosen-port.ts';
import { type Candidate, selectService } from './service-selection.ts';

/** How long visitors see the waiting page, and no other server, while a server restarts. */
const WAITING_PAGE_MS = 3000;
/** How long a server that restarts gets the link back. */
const RESTART_TIMEOUT_MS = 60_000;

/** Reasons that another server has only because the shown one is gone. */
const isSubstitute = ({ reason }: Service) => reason !== 'chosen' && reason !== 'port-variable';

interface ShownPort {
  port: number;
  /** When a server was last seen there, in ms on the monotonic clock. */
  seenAtMs: number;
}

export class ShownService {
  /** What the link shows and has shown shortly before; the preferred one first. */
  #shown: ShownPort[] = [];
  /** The port that the link shows, or that is to show it again; null for none. */
  #current: number | null = null;

  /** Selects from what listens now. Null if nothing qualifies, or while the shown service may restart. */
  select(candidates: readonly Candidate[], portVariable: number, choice: Choice | null): Service | null {
    const nowMs = performance.now();
    this.#shown = this.#shown.filter(({ seenAtMs }) => nowMs - seenAtMs < RESTART_TIMEOUT_MS);
    const ports = this.#shown.map(({ port }) => port);
    const service = selectService(candidates, portVariable, choice, ports);
    // A server that has just restarted is not known to be one until it has answered.
    const isThere = (port: number) =>
      service?.port === port ||
      candidates.some((each) => each.port === port && each.isProcessKnown && isPublicWebServer(each));
    for (const shown of this.#shown) if (isThere(shown.port)) shown.seenAtMs = nowMs;
    if (service === null) return null;
    const current = this.#shown.find(({ port }) => port === this.#current);
    const isGone = current !== undefined && !isThere(current.port);
    if (isGone && isSubstitute(service) && nowMs - current.seenAtMs < WAITING_PAGE_MS) return null;
    this.#show(service.port, nowMs, isGone);
    return service;
  }

  /** A substitute comes after the others, which get the link back. Any other new service comes first. */
  #show(port: number, nowMs: number, isSubstituted: boolean): void {
    if (port === this.#current) return;
    const known = this.#shown.find((shown) => shown.port === port);
    const others = this.#shown.filter((shown) => shown.port !== port);
    const shown = { port, seenAtMs: nowMs };
    if (!isSubstituted) this.#shown = [shown, ...others];
    else if (known === undefined) this.#shown = [...others, shown];
    this.#current = port;
  }
}
