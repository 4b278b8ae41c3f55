/** The zone's name, which hostnames without a template need. It is kept on disk, so that an outage of Cloudflare delays records, never `create`. */
import { DevenvError, type Problem } from '../../errors.ts';
import type { DesiredState, Outcome, RouteId } from '../edge.ts';
import type { CloudflareApi } from './api/client.ts';
import { failureOf } from './api/failures.ts';
import { checkTemplate, type HostnameRules, hostnameFor, problemOfHostname } from './hostnames.ts';
import type { FactStore } from './state/observed-state.ts';

export interface ZoneOptions {
  api: CloudflareApi;
  zoneId: string;
  store: FactStore;
  /** Template of the hostnames; null for one level below the zone. */
  template: string | null;
  allowDeep: boolean;
}

export class Zone {
  readonly #options: ZoneOptions;
  readonly #key: string;
  #name: string | null;
  #onKnown: () => void = () => {};

  constructor(options: ZoneOptions) {
    this.#options = options;
    this.#key = `cloudflare.zone.${options.zoneId}`;
    this.#name = options.store.recall(this.#key);
  }

  /** Null while it is not known. */
  get name(): string | null {
    return this.#name;
  }

  /** Calls back when the name gets known. */
  onKnown(known: () => void): void {
    this.#onKnown = known;
  }

  /** Reads the name, known or not. Throws an `ApiFailure`. */
  async learn(): Promise<void> {
    const { api, store } = this.#options;
    const wasKnown = this.#name !== null;
    this.#name = await api.zoneName();
    store.remember(this.#key, this.#name);
    if (!wasKnown) this.#onKnown();
  }

  #rules(zone: string): HostnameRules {
    const { template, allowDeep } = this.#options;
    return { template, zone, allowDeep };
  }

  /** Refuses a template that can't work here. Throws `bad-settings`; never while the zone's name is not known. */
  check(): void {
    if (this.#name !== null) checkTemplate(this.#rules(this.#name));
  }

  #problemOf(hostname: string): Problem | null {
    return this.#name === null ? null : problemOfHostname(hostname, this.#rules(this.#name));
  }

  /**
   * The desired state without routes that can't have a link at their hostname, and these as refused: Cloudflare would
   * read any name as one below the zone. All are servable while the zone's name is not known.
   */
  servable({ routes, registered }: DesiredState): { state: DesiredState; refused: Outcome[] } {
    const refused = new Map<RouteId, Outcome>();
    for (const { id, owner, hostname } of registered) {
      const problem = this.#problemOf(hostname);
      if (problem !== null) refused.set(id, { id, owner, hostname, kind: 'refused', problem });
    }
    const isServable = ({ id }: { id: RouteId }) => !refused.has(id);
    const state = { routes: routes.filter(isServable), registered: registered.filter(isServable) };
    return { state, refused: [...refused.values()] };
  }

  /** The hostname of a student, without a call: null while the zone's name is needed and not known. */
  knownHostname(student: string): string | null {
    if (this.#options.template === null && this.#name === null) return null;
    return hostnameFor(this.#rules(this.#name ?? ''), student);
  }

  /**
   * The hostname of a student. A template names all of it: whether it lies in the zone may turn out later. Throws
   * `edge` while the zone's name is needed and can't be known, `bad-settings` for a template that can't work here.
   */
  async hostname(student: string): Promise<string> {
    try {
      if (this.#name === null && this.#options.template === null) await this.learn();
    } catch (error) {
      throw new DevenvError({
        code: 'edge',
        what: `Cloudflare could not be asked for the zone's name yet: ${failureOf(error).message}.`,
        next: 'Run the command again when Cloudflare can be reached; once known, the name is kept. Or set a template with the whole hostname, like DEVENV_HOSTNAME={student}.example.com.',
      });
    }
    this.check();
    return hostnameFor(this.#rules(this.#name ?? ''), student);
  }
}
