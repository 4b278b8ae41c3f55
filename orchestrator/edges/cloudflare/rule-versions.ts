/** Which version of the tunnel's configuration has each open link's rule: a connector with that one or a newer has the link. */
import type { Route } from '../edge.ts';
import type { Configuration } from './api.ts';
import { originsOf } from './ingress.ts';

export class RuleVersions {
  readonly #byHostname = new Map<string, { origin: string; version: number }>();

  /** A publication of these routes is over; `configuration` is what stands now, null where that is not known. */
  note(routes: readonly Route[], configuration: Configuration | null): void {
    const wanted = new Set(routes.map(({ hostname }) => hostname));
    for (const hostname of this.#byHostname.keys())
      if (!wanted.has(hostname)) this.#byHostname.delete(hostname);
    if (configuration === null) return;
    const { version } = configuration;
    const origins = originsOf(configuration.config);
    for (const { hostname, origin } of routes) {
      if (origins.get(hostname) !== origin) this.#byHostname.delete(hostname);
      else if (this.#byHostname.get(hostname)?.origin !== origin)
        this.#byHostname.set(hostname, { origin, version });
    }
  }

  /** Null where no version is known to have it. */
  of(hostname: string): number | null {
    return this.#byHostname.get(hostname)?.version ?? null;
  }
}
