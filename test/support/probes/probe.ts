/** What a probe is: one attack that a student, a visitor or a neighbor of the host could try. */
import type { Scene } from './scene.ts';

/** `held`: the attack failed. `broken`: it succeeded. */
export interface ProbeResult {
  kind: 'held' | 'broken';
  /** What was measured, in a few words: `0 of 5 addresses answered`. */
  figures: string;
}

export interface Probe {
  /** Its file's name without `.ts`. */
  name: string;
  /** What the attacker does, in one sentence without a full stop. */
  attack: string;
  /**
   * `ci`: takes seconds and disturbs nothing outside its scene; runs with the end-to-end tests. `by-hand`: takes longer,
   * or uses up a table that the whole host shares; runs only with `npm run probe`.
   */
  runs: 'ci' | 'by-hand';
  /** Why the attack is known to succeed today; null where it must be held. */
  knownGap: string | null;
  run(scene: Scene): Promise<ProbeResult>;
  /**
   * The same attack with the protection switched off. It must succeed, which shows that the probe can fail. Null where
   * there is no protection yet.
   */
  runUnprotected: ((scene: Scene) => Promise<ProbeResult>) | null;
}

/** A result that is `held` if the condition is true. */
export const heldIf = (isHeld: boolean, figures: string): ProbeResult => ({
  kind: isHeld ? 'held' : 'broken',
  figures,
});
