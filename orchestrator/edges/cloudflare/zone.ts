/** The zone's name, which the students' hostnames need: learned once and kept on disk, so that a Cloudflare that is away delays records, never `create`. */
import { DevenvError } from '../../errors.ts';
import type { CloudflareApi } from './api.ts';
import { failureOf } from './failure.ts';
import { checkTemplate, hostnameFor } from './hostnames.ts';

/** The part of the store that is needed here. */
export interface FactStore {
  remember(key: string, value: string): void;
  recall(key: string): string | null;
}

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

  constructor(options: ZoneOptions) {
    this.#options = options;
    this.#key = `cloudflare.zone.${options.zoneId}`;
    this.#name = options.store.recall(this.#key);
  }

  /** As far as it is known. */
  get name(): string | null {
    return this.#name;
  }

  /** Asks for the name, known or not. Throws an `ApiFailure`, or `bad-settings` for a template that can't work here. */
  async learn(): Promise<string> {
    const { api, store, template, allowDeep } = this.#options;
    const zone = await api.zoneName();
    checkTemplate({ template, zone, allowDeep });
    this.#name = zone;
    store.remember(this.#key, zone);
    return zone;
  }

  /** The hostname of a student, without asking: null while the zone's name is needed and not known. */
  knownHostname(student: string): string | null {
    const { template, allowDeep } = this.#options;
    if (template === null && this.#name === null) return null;
    return hostnameFor({ template, zone: this.#name ?? '', allowDeep }, student);
  }

  /** The hostname of a student. Throws `edge` while the zone's name can't be known. */
  async hostname(student: string): Promise<string> {
    const { template, allowDeep } = this.#options;
    try {
      const zone = this.#name ?? (await this.learn());
      return hostnameFor({ template, zone, allowDeep }, student);
    } catch (error) {
      if (error instanceof DevenvError) throw error;
      throw new DevenvError({
        code: 'edge',
        what: `Cloudflare could not be asked for the zone's name yet: ${failureOf(error).message}.`,
        next: 'Run the command again when Cloudflare can be reached; once known, the name is kept.',
      });
    }
  }
}
