/** What becomes of each student's part of a publication, with the words for student and instructor. */
import { type Problem, TELL_INSTRUCTOR } from '../../../errors.ts';
import type { DesiredState, Outcome, Route, RouteId, RouteReference } from '../../edge.ts';
import type { Configuration, DnsRecord } from '../api/client.ts';
import { ApiFailure } from '../api/failures.ts';
import { originsOf } from '../plan/ingress.ts';
import { isReplaceable } from '../plan/records.ts';
import { TunnelBusy } from './tunnel-lock.ts';

/** What was being done, as the middle of a sentence. */
type Deed = 'the DNS record' | 'the tunnel’s rules' | 'the state of zone and tunnel';

const seconds = (ms: number) => `${Math.max(1, Math.ceil(ms / 1000))} s`;

/** A failed call as a problem for people, and whether it may work later. */
export function explain(
  failure: ApiFailure,
  deed: Deed,
): { kind: 'retry' | 'refused'; problem: Problem; afterMs?: number } {
  const said = `Cloudflare: ${failure.message}`;
  switch (failure.kind) {
    case 'forbidden':
      return refused(
        `Cloudflare does not let this token change ${deed}. ${said}.`,
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
      return refused(`Cloudflare refused ${deed}. ${said}.`, '`devenv logs` has the details.');
    case 'rate-limited': {
      const wait = seconds(failure.afterMs);
      const what = `Cloudflare's rate limit is reached: no API calls for ${wait}.`;
      const until = new Date(Date.now() + failure.afterMs).toISOString();
      return {
        kind: 'retry',
        problem: { code: 'edge', what, next: 'No action is needed.', until },
        afterMs: failure.afterMs,
      };
    }
    case 'gone':
      return retryLater(`Somebody else changed ${deed} at the same moment. ${said}.`);
    case 'unknown':
    case 'aborted':
      return retryLater(`Cloudflare could not be reached for ${deed}: ${failure.message}.`);
  }
}

/** Another installation has the lock on the tunnel. */
function explainBusy({ heldBy }: TunnelBusy): ReturnType<typeof explain> {
  return {
    kind: 'retry',
    problem: {
      code: 'busy',
      what: `The tunnel is being written by another devenv on this host (${heldBy}), and has been for a while.`,
      next: 'devenv retries automatically.',
    },
  };
}

/** What kept a whole run from its end. What is no failure of a call is a defect of ours: it goes on to the log as it is. */
export function explainWhole(error: unknown): ReturnType<typeof explain> {
  if (error instanceof TunnelBusy) return explainBusy(error);
  if (error instanceof ApiFailure) return explain(error, 'the state of zone and tunnel');
  throw error;
}

function retryLater(what: string): { kind: 'retry'; problem: Problem } {
  return { kind: 'retry', problem: { code: 'edge', what, next: 'devenv retries automatically.' } };
}

function refused(what: string, next: string): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem: { code: 'edge', what, next, nextForStudent: TELL_INSTRUCTOR } };
}

export const describeRecords = (records: readonly DnsRecord[]) =>
  records.map(({ type, content }) => `${type} ${content}`).join(', ');

/** The route whose hostname is taken: an additional link's is its student's with the port behind the name. */
type Conflicting = Pick<RouteReference, 'id' | 'owner' | 'hostname'>;

function conflictHint({ id, owner }: Conflicting, canAdopt: boolean): string {
  if (owner === null) return 'Remove it at Cloudflare.';
  if (!canAdopt)
    return `Give ${owner} another name, or remove it at Cloudflare: devenv takes over addresses only.`;
  // `devenv open --adopt` concerns the student's own link.
  if (id !== owner) return `Remove it at Cloudflare, or give ${owner} another name.`;
  return `Remove it at Cloudflare, give ${owner} another name, or take it over: \`devenv open ${owner} --adopt\`.`;
}

export function recordConflict(route: Conflicting, records: readonly DnsRecord[]): Problem {
  return {
    code: 'conflict',
    what: `${route.hostname} has a DNS record that is not devenv's: ${describeRecords(records)}.`,
    next: conflictHint(route, isReplaceable(records)),
    nextForStudent: TELL_INSTRUCTOR,
  };
}

export function ruleConflict(route: Conflicting, service: string): Problem {
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
  const origins = originsOf(configuration.config);
  const routes = new Map<RouteId | null, Route>(registered.map((route) => [route.id, route]));
  return outcomes.map((outcome) => {
    const route = routes.get(outcome.id);
    if (outcome.kind === 'applied' || route === undefined) return outcome;
    return { ...outcome, isPresent: origins.get(route.hostname) === route.origin };
  });
}

/** Collects the failures of a run. Only the first one of each route counts: the others may follow from it. */
export class Outcomes {
  readonly #byRoute = new Map<string, Outcome>();

  fail(route: RouteReference, failure: ApiFailure, deed: Deed): void {
    this.#put({ ...route, ...explain(failure, deed) });
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
