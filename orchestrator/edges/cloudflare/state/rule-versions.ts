/** Which version of the tunnel's configuration has each open link's rule: a connector with that one or a newer has the link. */
import type { DesiredState } from '../../edge.ts';
import type { Configuration } from '../api/client.ts';
import { originsOf } from '../plan/ingress.ts';

export class RuleVersions {
  readonly #byHostname = new Map<string, { origin: string; version: number }>();

  /**
   * A run that was to make this so is over, however it ended; `configuration` is what stands now, null where that is
   * not known: then whatever was to go may be gone, and stands with another version when it is back.
   */
  note({ routes, registered }: DesiredState, configuration: Configuration | null): void {
    const kept = new Set((configuration === null ? routes : registered).map(({ hostname }) => hostname));
    for (const hostname of this.#byHostname.keys())
      if (!kept.has(hostname)) this.#byHostname.delete(hostname);
    if (configuration === null) return;
    const { version } = configuration;
    const origins = originsOf(configuration.config);
    for (const { hostname, origin } of registered) {
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
