/** Tracks how the last session ended: its shell's record says `exited`, or the session was lost. */
import type { SessionEnd } from '../../orchestrator/protocol/messages.ts';
import type { Terminal } from './sessions.ts';
import type { ShellRecord } from './shell-records.ts';

export class SessionEndTracker {
  /** Ids of the sessions at the last update. */
  #sessionIds = new Set<string>();
  /** The last known phase of each shell, by its id. */
  readonly #phases = new Map<string, ShellRecord['phase']>();
  #lastEnd: { kind: SessionEnd['kind']; atMs: number } | null = null;

  /** Returns the end of the last session that ended; null if none has. `shells` includes those that have just ended. */
  update(terminals: readonly Terminal[], shells: readonly ShellRecord[]): SessionEnd | null {
    for (const shell of shells) this.#phases.set(shell.id, shell.phase);
    const now = performance.now();
    const sessionIds = new Set(terminals.map(({ leader }) => leader.id));
    const gone = [...this.#sessionIds].filter((id) => !sessionIds.has(id));
    if (gone.length > 0) {
      // If several ended since the last update, their order is unknown, and a lost one may come back.
      const kind = gone.every((id) => this.#phases.get(id) === 'exited') ? 'exited' : 'lost';
      this.#lastEnd = { kind, atMs: now };
    }
    this.#sessionIds = sessionIds;
    const shellIds = new Set(shells.map(({ id }) => id));
    for (const id of this.#phases.keys())
      if (!shellIds.has(id) && !sessionIds.has(id)) this.#phases.delete(id);
    return this.#lastEnd && { kind: this.#lastEnd.kind, ageSeconds: (now - this.#lastEnd.atMs) / 1000 };
  }
}
