/**
 * Where relays answer on the engine's own network. Dialled there, requests do not pass through the engine's port proxy,
 * which needs six files for each connection. An address is used only once the relay has identified itself there: the
 * engine may be in a virtual machine or run without root, and the same address may then be another computer's.
 */
import type { Clock } from '../../clock.ts';
import type { Route } from '../edge.ts';
import { type Address, awaitRelayIdentity } from '../link-identity.ts';

/** A relay answers within a second or two after its environment has started. */
const VERIFY_TIMEOUT_MS = 20_000;
const RETRY_MS = 500;

interface Known {
  address: Address;
  state: 'unknown' | 'checking' | 'verified' | 'failed';
}

export interface DirectAddressesOptions {
  instance: string;
  clock: Clock;
  /** An address has become usable, or no longer is. */
  onChange(): void;
}

export class DirectAddresses {
  readonly #options: DirectAddressesOptions;
  readonly #stopping = new AbortController();
  /** By the student's name. */
  readonly #known = new Map<string, Known>();

  constructor(options: DirectAddressesOptions) {
    this.#options = options;
  }

  /** What the engine says about the student's relay; null while the environment does not run. */
  set(owner: string, address: Address | null): void {
    const before = this.#known.get(owner);
    if (address === null) this.#known.delete(owner);
    else this.#known.set(owner, { address, state: 'unknown' });
    if (before?.state === 'verified') this.#options.onChange();
  }

  /** The address that may be dialled; null if there is none. */
  of(owner: string): Address | null {
    const known = this.#known.get(owner);
    return known?.state === 'verified' ? known.address : null;
  }

  /** Checks the address of an open route, unless it was checked. `again`: also if the relay did not answer there. */
  verify(route: Route, again: boolean): void {
    const known = this.#known.get(route.owner);
    if (known === undefined || !(known.state === 'unknown' || (again && known.state === 'failed'))) return;
    known.state = 'checking';
    void this.#check(route, known);
  }

  async #check(route: Route, known: Known): Promise<void> {
    const { instance, clock, onChange } = this.#options;
    const timeout = new AbortController();
    const timer = clock.setTimer(() => timeout.abort(), VERIFY_TIMEOUT_MS);
    const signal = AbortSignal.any([this.#stopping.signal, timeout.signal]);
    const found = await awaitRelayIdentity(known.address, {
      route,
      instance,
      clock,
      retryMs: RETRY_MS,
      signal,
    });
    timer.cancel();
    known.state = found === null ? 'verified' : 'failed';
    // The environment may have stopped, or started at another address.
    if (found === null && this.#known.get(route.owner) === known) onChange();
  }

  stop(): void {
    this.#stopping.abort();
  }
}
