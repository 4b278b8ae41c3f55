/** The part of a run that makes the rules as wanted, and tells whose rule could not be made. */
import type { RouteReference } from '../../edge.ts';
import type { CloudflareApi, Configuration, JsonObject } from '../api/client.ts';
import type { WantedIngress } from '../plan/ingress.ts';
import type { ObservedState } from '../state/observed-state.ts';
import type { Journal } from './journal.ts';
import { type Outcomes, ruleConflict } from './outcomes.ts';
import { IngressWriter, type LostUpdate } from './write-ingress.ts';

export interface RuleStepOptions {
  api: CloudflareApi;
  journal: Journal;
  known: ObservedState;
  outcomes: Outcomes;
  onLostUpdate(lost: LostUpdate): void;
  routeOf(hostname: string): RouteReference;
}

export class RuleStep {
  readonly #options: RuleStepOptions;
  /** Hostnames that somebody else's rule turned out to have. */
  readonly clashed = new Set<string>();

  constructor(options: RuleStepOptions) {
    this.#options = options;
  }

  tellClash({ hostname, service }: { hostname: string; service: string }): void {
    const route = this.#options.routeOf(hostname);
    this.clashed.add(hostname);
    this.#options.outcomes.conflict(route, ruleConflict(route, service));
  }

  /** Resolves to the document as it stands then. Throws an `ApiFailure` where it can't be read, or this process ends. */
  async write(current: Configuration, wanted: WantedIngress): Promise<Configuration> {
    const { api, journal, known, outcomes, onLostUpdate, routeOf } = this.#options;
    const writer = new IngressWriter({
      api,
      current,
      onWrite: (read, config) => {
        journal.note({ read });
        this.#noteWays(config, wanted);
      },
      onLostUpdate,
      onClash: (clash) => this.tellClash(clash),
      onFailure: (hostname, failure) => outcomes.fail(routeOf(hostname), failure, 'the tunnel’s rules'),
    });
    known.configuration = null;
    await writer.write(wanted);
    known.configuration = writer.current;
    this.#noteWays(writer.current.config, wanted);
    return writer.current;
  }

  /** Somebody else's rule is not ours for leading where ours would. */
  #noteWays(config: JsonObject | null, { open }: WantedIngress): void {
    const ours = [...open].filter(([hostname]) => !this.clashed.has(hostname));
    this.#options.known.ways.note(config, new Map(ours));
  }
}
