/** Long operations: each runs once, streams its progress to the client as JSON lines, and can be cancelled by its id. */
import { PassThrough, type Readable } from 'node:stream';
import type { Progress } from '../domain.ts';
import { type Problem, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OperationResult, ProgressEvent } from './contract.ts';

export type Operation = (progress: Progress, signal: AbortSignal) => Promise<OperationResult>;

export interface OperationRequest {
  /** The client's id for cancelling; null if it sent none. */
  id: string | null;
  /** For the log. */
  url: string;
}

const cancelledProblem: Problem = {
  code: 'cancelled',
  what: 'Cancelled.',
  next: 'Everything that was started is undone. Run the command again at any time.',
};

export class Operations {
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();
  readonly #cancellable = new Map<string, AbortController>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Starts the operation. Returns its response, and `disconnected` to call when the client hangs up: it then cancels. */
  start(operation: Operation, { id, url }: OperationRequest): { lines: Readable; disconnected(): void } {
    const lines = new PassThrough();
    const send = (event: ProgressEvent) => {
      if (!lines.destroyed) lines.write(`${JSON.stringify(event)}\n`);
    };
    const cancellation = new AbortController();
    if (id !== null) this.#cancellable.set(id, cancellation);
    const work = this.#run(operation, send, cancellation.signal, url).finally(() => {
      lines.end();
      this.#running.delete(work);
      if (id !== null) this.#cancellable.delete(id);
    });
    this.#running.add(work);
    return { lines, disconnected: () => cancellation.abort() };
  }

  async #run(operation: Operation, send: (event: ProgressEvent) => void, signal: AbortSignal, url: string) {
    const progress: Progress = {
      step: (id, text) => send({ kind: 'step', id, text }),
      done: (id, text) => send({ kind: 'step-done', id, text }),
      warn: (text) => send({ kind: 'warning', text }),
    };
    try {
      send({ kind: 'done', result: await operation(progress, signal) });
    } catch (error) {
      const problem = signal.aborted ? cancelledProblem : problemOf(error);
      this.#log.warn({ err: error, url, code: problem.code }, 'an operation failed');
      send({ kind: 'failed', problem });
    }
  }

  /** Cancels the operation; does nothing if it has ended. */
  cancel(id: string): void {
    this.#cancellable.get(id)?.abort();
  }

  /** Resolves when no operation runs, whether or not a client still listens. */
  async finished(): Promise<void> {
    await Promise.all(this.#running);
  }
}
