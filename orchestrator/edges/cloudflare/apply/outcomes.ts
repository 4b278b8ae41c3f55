/** How a run ended for each route, worded for student and instructor. */
import type { Clock } from '../../../clock.ts';
import { DevenvError, type Problem, TELL_INSTRUCTOR } from '../../../errors.ts';
import type { DesiredState, Outcome, Route, RouteId, RouteReference } from '../../edge.ts';
import type { Configuration, DnsRecord } from '../api/client.ts';
import { ApiFailure } from '../api/failures.ts';
import { describeRecords } from '../plan/drift.ts';
import { servicesByHostname } from '../plan/ingress-document.ts';
import { isReplaceable } from '../plan/records.ts';
import { TunnelBusy } from './tunnel-lock.ts';

/** What a call was about, as the middle of a sentence. */
type Subject = 'the DNS record' | 'the tunnel’s rules' | 'the state of zone and tunnel';

const seconds = (ms: number) => `${Math.max(1, Math.ceil(ms / 1000))} s`;

/** A failed call as a problem for people, and whether it may work later. */
export function explain(
  failure: ApiFailure,
  subject: Subject,
  clock: Clock,
): { kind: 'retry' | 'refused'; problem: Problem; afterMs?: number } {
  const said = `Cloudflare: ${failure.message}`;
  switch (failure.kind) {
    case 'forbidden':
      return refused(
        `Cloudflare does not let this token change ${subject}. ${said}.`,
        'The token needs Account / Cloudflare Tunnel / Edit and Zone / DNS / Edit; `devenv doctor` checks it.',
      );
    case 'quota':
      return refused(
        'The zone holds as many DNS records as its plan allows.',
        'Remove records or students that are not needed, set `cloudflare.dns: session`, or take a larger plan.',
      );
    case 'conflict':
      return refused(
        `Cloudflare says that the name is taken, but shows no record of it. ${said}.`,
        '`devenv sync` checks again.',
      );
    case 'invalid':
      return refused(`Cloudflare refused ${subject}. ${said}.`, '`devenv logs` has the details.');
    case 'rate-limited': {
      const wait = seconds(failure.afterMs);
      const what = `Cloudflare's rate limit is reached: no API calls for ${wait}.`;
      const until = new Date(clock.now() + failure.afterMs).toISOString();
      return {
        kind: 'retry',
        problem: { code: 'edge', what, next: 'No action is needed.', until },
        afterMs: failure.afterMs,
      };
    }
    case 'gone':
      return retryLater(`Another writer changed ${subject} at the same moment. ${said}.`);
    case 'unknown':
    case 'aborted':
      return retryLater(`Cloudflare could not be reached for ${subject}: ${failure.message}.`);
  }
}

/** Another installation has the lock on the tunnel. */
function explainBusy({ heldBy }: TunnelBusy): ReturnType<typeof explain> {
  return {
    kind: 'retry',
    problem: {
      code: 'busy',
      what: `Another devenv on this host (${heldBy}) has been writing the tunnel for a while.`,
      next: 'devenv retries automatically.',
    },
  };
}

/** The journal can't be written, so nothing may be sent. */
function explainDiskFull({ next }: Problem): ReturnType<typeof explain> {
  return {
    kind: 'retry',
    problem: {
      code: 'disk-full',
      what: 'The disk of the orchestrator is full, so Cloudflare is not changed now. Open links stay open.',
      next,
      nextForStudent: TELL_INSTRUCTOR,
    },
  };
}

/** The failure of a whole run. Rethrows any other error: it is a defect of ours, for the log. */
export function explainRun(error: unknown, clock: Clock): ReturnType<typeof explain> {
  if (error instanceof DevenvError && error.code === 'disk-full') return explainDiskFull(error.problem);
  if (error instanceof TunnelBusy) return explainBusy(error);
  if (error instanceof ApiFailure) return explain(error, 'the state of zone and tunnel', clock);
  throw error;
}

function retryLater(what: string): { kind: 'retry'; problem: Problem } {
  return { kind: 'retry', problem: { code: 'edge', what, next: 'devenv retries automatically.' } };
}

function refused(what: string, next: string): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem: { code: 'edge', what, next, nextForStudent: TELL_INSTRUCTOR } };
}

function conflictHint({ id, owner }: RouteReference, canAdopt: boolean): string {
  if (owner === null) return 'Remove it at Cloudflare.';
  if (!canAdopt)
    return `Give ${owner} another name, or remove it at Cloudflare: devenv takes over addresses only.`;
  // `devenv open --adopt` concerns the student's own link.
  if (id !== owner) return `Remove it at Cloudflare, or give ${owner} another name.`;
  return `Remove it at Cloudflare, give ${owner} another name, or take it over: \`devenv open ${owner} --adopt\`.`;
}

export function recordConflict(route: RouteReference, records: readonly DnsRecord[]): Problem {
  return {
    code: 'conflict',
    what: `${route.hostname} has a DNS record that is not devenv's: ${describeRecords(records)}.`,
    next: conflictHint(route, isReplaceable(records)),
    nextForStudent: TELL_INSTRUCTOR,
  };
}

export function ruleConflict(route: RouteReference, service: string): Problem {
  return {
    code: 'conflict',
    what: `The tunnel has a rule for ${route.hostname} that is not devenv's: it forwards to ${service}.`,
    next: conflictHint(route, true),
    nextForStudent: TELL_INSTRUCTOR,
  };
}

/** Adds to each failure whether the route's rule is in `configuration`, as it was last read; null: unknown. */
export function withPresence(
  outcomes: readonly Outcome[],
  { registered }: DesiredState,
  configuration: Configuration | null,
): readonly Outcome[] {
  if (configuration === null) return outcomes;
  const services = servicesByHostname(configuration.config);
  const routes = new Map<RouteId | null, Route>(registered.map((route) => [route.id, route]));
  return outcomes.map((outcome) => {
    const route = routes.get(outcome.id);
    if (outcome.kind === 'applied' || route === undefined) return outcome;
    return { ...outcome, isPresent: services.get(route.hostname) === route.origin };
  });
}

/** Collects the failures of a run. Only the first one of each route counts: the others may follow from it. */
export class Outcomes {
  readonly #clock: Clock;
  readonly #byRoute = new Map<string, Outcome>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  fail(route: RouteReference, failure: ApiFailure, subject: Subject): void {
    this.#put({ ...route, ...explain(failure, subject, this.#clock) });
  }

  conflict(route: RouteReference, problem: Problem): void {
    this.#put({ ...route, kind: 'refused', problem });
  }

  #put(outcome: Outcome): void {
    const key = keyOf(outcome);
    if (!this.#byRoute.has(key)) this.#byRoute.set(key, outcome);
  }

  isRefused(route: RouteReference): boolean {
    return this.#byRoute.get(keyOf(route))?.kind === 'refused';
  }

  all(): Outcome[] {
    return [...this.#byRoute.values()];
  }
}

const keyOf = ({ id, hostname }: RouteReference) => id ?? hostname;
