/** What happens in the engine without us asking, told as changes of environments. Survives restarts of the engine. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { EnvironmentChange } from './types.ts';

/** How often an engine that is away is tried, in ms. */
const RETRY = 1000;

/** Kills for memory this close together are one, in ms: one program that is killed may be several. */
const SAME_KILL = 10_000;

interface EngineEvent {
  Action?: string;
  Actor?: { Attributes?: Record<string, string> };
}

/** Says of each kill for memory whether it is a new one, before anything is asked because of it. */
class Kills {
  readonly #told = new Map<string, number>();

  isNew(student: string): boolean {
    const now = performance.now();
    if (now - (this.#told.get(student) ?? -Infinity) < SAME_KILL) return false;
    this.#told.set(student, now);
    return true;
  }

  forget(student: string): void {
    this.#told.delete(student);
  }
}

/** What changed; null for what is no news. A kill for memory is told with its peak, which takes a moment. */
async function changeOf(
  event: EngineEvent,
  { limitBytes, peakBytes }: Pick<WatchOptions, 'limitBytes' | 'peakBytes'>,
  kills: Kills,
): Promise<EnvironmentChange | null> {
  const student = event.Actor?.Attributes?.['devenv.student'];
  if (student === undefined) return null;
  switch (event.Action) {
    // Nothing goes on in an environment that is paused: for us it is stopped, until it goes on.
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
  /** Each environment's memory. */
  limitBytes: number;
  /** Most memory that an environment has used; never rejects. */
  peakBytes(student: string): Promise<number | null>;
  onChange(change: EnvironmentChange): void;
  signal: AbortSignal;
}

/** Calls back until the signal aborts, then resolves. */
export async function watchEngine(docker: Docker, options: WatchOptions): Promise<void> {
  const { instance, onChange, signal } = options;
  const kills = new Kills();
  let away = false;
  while (!signal.aborted) {
    try {
      const filters = JSON.stringify({
        label: [`devenv.instance=${instance}`],
        type: ['container'],
      });
      const stream = (await docker.getEvents({
        filters,
        abortSignal: signal,
      })) as Readable;
      if (away) onChange({ kind: 'engine-back' });
      away = false;
      for await (const line of createInterface({ input: stream })) {
        // Not waited for: one student's slow answer holds up nobody's news.
        void changeOf(JSON.parse(line) as EngineEvent, options, kills).then((change) => {
          if (change !== null) onChange(change);
        });
      }
    } catch {
      // The engine has gone; that is told below and tried again.
    }
    if (signal.aborted) return;
    if (!away) onChange({ kind: 'engine-away' });
    away = true;
    await sleep(RETRY, undefined, { signal }).catch(() => undefined);
  }
}
