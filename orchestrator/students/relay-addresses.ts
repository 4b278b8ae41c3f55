/** Tells an edge on this host where the relays answer on the engine's network, which changes with each start. */
import type { Edge } from '../edges/edge.ts';
import type { Environments } from '../environments/types.ts';
import type { Log } from '../log.ts';
import type { Roster } from './roster.ts';

export interface RelayAddressesDeps {
  roster: Roster;
  environments: Pick<Environments, 'relayAddress'>;
  edge: Edge;
  log: Log;
}

export class RelayAddresses {
  readonly #deps: RelayAddressesDeps;

  constructor(deps: RelayAddressesDeps) {
    this.#deps = deps;
  }

  /** The student's environment has started, or was connected to its network again. */
  async refresh(name: string): Promise<void> {
    const { roster, environments, edge, log } = this.#deps;
    if (edge.setRelayAddress === undefined) return;
    try {
      const address = await environments.relayAddress(name);
      if (roster.find(name)?.environment === 'running') edge.setRelayAddress(name, address);
    } catch (err) {
      // Visitors then come through the engine's port proxy.
      log.debug({ student: name, err }, 'could not read the address of the environment');
    }
  }

  /** The same for all students. */
  async refreshAll(): Promise<void> {
    for (const { row, environment } of this.#deps.roster.all())
      if (environment === 'running') await this.refresh(row.name);
  }

  /** The environment has stopped: another one may get its address. */
  forget(name: string): void {
    this.#deps.edge.setRelayAddress?.(name, null);
  }
}
