/** Pulls an image. A slow network may take its time; one that stops is given up. */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Progress } from '../domain.ts';
import { messageOf } from '../errors.ts';
import { type EngineReport, followProgress } from './engine-progress.ts';

/** A registry that has not begun to answer by then counts as unreachable. */
const ANSWER_TIMEOUT_MS = 20_000;

/** A pull without progress for so long has failed. Longer than for the answer: slow disks pause while they unpack. */
const STALL_TIMEOUT_MS = 60_000;

interface PullReport extends EngineReport {
  /** The layer. */
  id?: string;
  status?: string;
  progressDetail?: { current?: number; total?: number };
}

export interface PullOptions {
  docker: Docker;
  clock: Clock;
  /** The image, as `name:tag`. */
  name: string;
  progress: Progress;
  signal: AbortSignal;
}

/** Aborts its signal after a time without `restart`. */
class IdleTimeout {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #timer: { cancel(): void } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  restart(timeoutMs: number): void {
    this.stop();
    const reason = new Error(`no progress for ${timeoutMs / 1000} s`);
    this.#timer = this.#clock.setTimer(() => this.#abort.abort(reason), timeoutMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

/** Progress is shown in such steps: where no terminal shows it, each is a line. */
const SHOWN_STEP_MB = 5;

const inSteps = (bytes: number) => Math.floor(bytes / 1e6 / SHOWN_STEP_MB) * SHOWN_STEP_MB;

/** Sums up what the engine reports for each layer. */
class Download {
  readonly #layers = new Map<string, { current: number; total: number }>();

  add({ id, status, progressDetail: { current, total } = {} }: PullReport): void {
    if (id === undefined) return;
    if (status === 'Downloading' && current !== undefined && total !== undefined)
      this.#layers.set(id, { current, total });
    const layer = this.#layers.get(id);
    if (status === 'Download complete' && layer !== undefined) layer.current = layer.total;
  }

  /** `, 15 of 29 MB`; empty before a layer is downloaded. The engine downloads small layers without reporting it. */
  get text(): string {
    const layers = [...this.#layers.values()];
    if (layers.length === 0) return '';
    const current = layers.reduce((sum, layer) => sum + layer.current, 0);
    const total = layers.reduce((sum, layer) => sum + layer.total, 0);
    return `, ${inSteps(current)} of ${Math.ceil(total / 1e6)} MB`;
  }
}

/**
 * Pulls the image, and shows its progress as the step `base`. Resolves to null, or to the reason why it failed; throws
 * where `signal` aborts.
 */
export async function pullImage({
  docker,
  clock,
  name,
  progress,
  signal,
}: PullOptions): Promise<string | null> {
  const idle = new IdleTimeout(clock);
  const download = new Download();
  let shown = `Pulling ${name}`;
  progress.step('base', shown);
  idle.restart(ANSWER_TIMEOUT_MS);
  try {
    const stream = await docker.pull(name, { abortSignal: AbortSignal.any([signal, idle.signal]) });
    const failure = await followProgress<PullReport>(docker, stream, (report) => {
      idle.restart(STALL_TIMEOUT_MS);
      download.add(report);
      const text = `Pulling ${name}${download.text}`;
      if (text !== shown) progress.step('base', text);
      shown = text;
    });
    if (failure !== null) throw new Error(failure);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(idle.signal.aborted ? idle.signal.reason : error);
  } finally {
    idle.stop();
  }
}
