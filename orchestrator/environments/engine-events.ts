/** Watches the engine's events and reports changes of environments. Survives restarts of the engine. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { EnvironmentChange } from './types.ts';

/** Pause before the next attempt to reach an engine that does not answer. */
const RECONNECT_MS = 1000;

/** Out-of-memory kills closer together than this count as one: a program may have several processes. */
const SAME_KILL_MS = 10_000;

interface EngineEvent {
  Action?: string;
  Actor?: { Attributes?: Record<string, string> };
}

/** Remembers each student's newest out-of-memory kill. */
class KillHistory {
  readonly #clock: Clock;
  readonly #reportedMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records the kill. False if it belongs to one that was reported already. */
  isNew(student: string): boolean {
    const now = this.#clock.monotonicMs();
    if (now - (this.#reportedMs.get(student) ?? -Infinity) < SAME_KILL_MS) return false;
    this.#reportedMs.set(student, now);
    return true;
  }

  forget(student: string): void {
    this.#reportedMs.delete(student);
  }
}

/** The change that an event means; null if it means none. A kill waits for the peak of memory. */
async function changeOf(
  event: EngineEvent,
  { limitBytes, peakBytes }: Pick<WatchOptions, 'limitBytes' | 'peakBytes'>,
  kills: KillHistory,
): Promise<EnvironmentChange | null> {
  const student = event.Actor?.Attributes?.['devenv.student'];
  if (student === undefined) return null;
  switch (event.Action) {
    // No program runs in a paused environment, so for devenv it is stopped.
    case 'start':
    case 'unpause':
      return { kind: 'started', student };
    case 'die':
    case 'pause':
      return { kind: 'stopped', student };
    case 'destroy':
      kills.forget(student);
      return { kind: 'removed', student };
    case 'oom':
      if (!kills.isNew(student)) return null;
      return { kind: 'out-of-memory', student, limitBytes, peakBytes: await peakBytes(student) };
    default:
      return null;
  }
}

export interface WatchOptions {
  instance: string;
  /** Each environment's memory limit. */
  limitBytes: number;
  /** The most memory that an environment has used; never rejects. */
  peakBytes(student: string): Promise<number | null>;
  onChange(change: EnvironmentChange): void;
  signal: AbortSignal;
  clock: Clock;
}

/** Calls back on changes until the signal aborts, then resolves. */
export async function watchEngine(docker: Docker, options: WatchOptions): Promise<void> {
  const { instance, onChange, signal, clock } = options;
  const kills = new KillHistory(clock);
  const filters = JSON.stringify({ label: [`devenv.instance=${instance}`], type: ['container'] });
  let isConnected = true;
  while (!signal.aborted) {
    try {
      const stream = (await docker.getEvents({ filters, abortSignal: signal })) as Readable;
      if (!isConnected) onChange({ kind: 'engine-connected' });
      isConnected = true;
      for await (const line of createInterface({ input: stream })) {
        // Not awaited: one student's slow peak delays no other student's change.
        void changeOf(JSON.parse(line) as EngineEvent, options, kills).then((change) => {
          if (change !== null) onChange(change);
        });
      }
    } catch {
      // The engine stopped. Reported below, then tried again.
    }
    if (signal.aborted) return;
    if (isConnected) onChange({ kind: 'engine-disconnected' });
    isConnected = false;
    await clock.sleep(RECONNECT_MS, signal);
  }
}
