/** Who reaches the internet: the class's value and each student's own, as the instructor has set them while they work. */
import { type Egress, type EgressPolicy, egressOf } from '../domain.ts';
import type { Environments } from '../environments/types.ts';
import type { Store } from '../store/types.ts';

/** Key of the stored policy. */
const KEY = 'egress';

interface StoredPolicy {
  /** The setting `egress` when this was stored. */
  setting: Egress;
  policy: EgressPolicy;
}

export class EgressControl {
  readonly #store: Store;
  readonly #environments: Environments;
  readonly #setting: Egress;
  #policy: EgressPolicy;

  /** A setting that has changed replaces what was set before. */
  constructor(deps: { store: Store; environments: Environments; setting: Egress }) {
    this.#store = deps.store;
    this.#environments = deps.environments;
    this.#setting = deps.setting;
    const stored = JSON.parse(deps.store.recall(KEY) ?? 'null') as StoredPolicy | null;
    this.#policy =
      stored?.setting === deps.setting ? stored.policy : { everyone: deps.setting, exceptions: {} };
  }

  get policy(): EgressPolicy {
    return this.#policy;
  }

  of(student: string): Egress {
    return egressOf(this.#policy, student);
  }

  /** Applies what was stored, at the start of the daemon. Throws `network`. */
  apply(): Promise<void> {
    return this.#environments.setEgress(this.#policy);
  }

  /** Sets one student's value; with null the class's, which then applies to every student. Throws `network`. */
  async set(student: string | null, egress: Egress): Promise<void> {
    const { everyone, exceptions } = this.#policy;
    this.#save(
      student === null
        ? { everyone: egress, exceptions: {} }
        : { everyone, exceptions: { ...exceptions, [student]: egress } },
    );
    await this.apply();
  }

  /** The student is removed: another one of that name starts with the class's value. */
  forget(student: string): void {
    const { [student]: own, ...exceptions } = this.#policy.exceptions;
    if (own !== undefined) this.#save({ ...this.#policy, exceptions });
  }

  #save(policy: EgressPolicy): void {
    this.#policy = policy;
    const stored: StoredPolicy = { setting: this.#setting, policy };
    this.#store.remember(KEY, JSON.stringify(stored));
  }
}
