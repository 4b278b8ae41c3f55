/** Asks the daemon, over its socket. Every failure comes out as a DevenvError. */
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { nanoid } from 'nanoid';
import type { AccessInfo, Diagnostic, Drift, LogLine, Progress } from '../domain.ts';
import { DevenvError, type Problem, systemCodeOf } from '../errors.ts';
import {
  type DaemonView,
  OPERATION_HEADER,
  type OperationResult,
  type ProgressEvent,
  type StudentView,
} from './contract.ts';

export type Deed = 'start' | 'stop' | 'restart' | 'close';

/** Nobody listens on the socket, or somebody did a moment ago. */
const AWAY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

const notRunning = () =>
  new DevenvError({
    code: 'not-running',
    what: 'The orchestrator is not running.',
    next: '`devenv up` starts it.',
  });

const isAway = (error: unknown) => AWAY.has(systemCodeOf(error) ?? '');

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw isAway(error) ? notRunning() : error;
  }
  return Buffer.concat(chunks).toString();
}

/** The lines of an answer, until it ends or breaks off: a daemon that was killed says nothing more. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  const lines = createInterface({ input: response });
  // It passes on what befalls the answer, even when all that counts was read.
  lines.on('error', () => undefined);
  try {
    yield* lines;
  } catch (error) {
    if (!isAway(error)) throw error;
  }
}

export class ApiClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  #ask(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
    return new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          method,
          path,
          agent: false,
          headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        },
        resolve,
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EACCES') {
          reject(
            new DevenvError({
              code: 'not-running',
              what: `This user may not use the orchestrator at ${this.#socketPath}.`,
              next: 'Run the command as the user who runs the orchestrator.',
            }),
          );
        } else reject(error.code !== undefined && AWAY.has(error.code) ? notRunning() : error);
      });
      outgoing.end(body && JSON.stringify(body));
    });
  }

  async #get<View>(path: string): Promise<View> {
    const response = await this.#ask('GET', path);
    const answer = JSON.parse(await readAll(response)) as View | { error: Problem };
    if (response.statusCode !== 200) throw new DevenvError((answer as { error: Problem }).error);
    return answer as View;
  }

  /** Follows a streamed operation to its end. Aborting cancels it; how it ended is still waited for. */
  async #operate(method: string, path: string, progress: Progress, body?: object, signal?: AbortSignal) {
    const id = nanoid();
    const cancel = () => void this.#ask('DELETE', `/operations/${id}`).then(readAll, () => undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    const response = await this.#ask(method, path, body, { [OPERATION_HEADER]: id });
    if (response.statusCode !== 200) {
      throw new DevenvError((JSON.parse(await readAll(response)) as { error: Problem }).error);
    }
    for await (const line of linesOf(response)) {
      const event = JSON.parse(line) as ProgressEvent;
      switch (event.event) {
        case 'step':
          progress.step(event.id, event.text);
          break;
        case 'step-done':
          progress.done(event.id, event.text);
          break;
        case 'warning':
          progress.warn(event.text);
          break;
        case 'failed':
          throw new DevenvError(event.problem);
        case 'done':
          return event.result satisfies OperationResult;
      }
    }
    throw new DevenvError({
      code: 'not-running',
      what: 'The orchestrator went away before the operation was over.',
      next: '`devenv up` starts it again; it then finishes or undoes what was begun.',
    });
  }

  async #studentOf(result: Promise<OperationResult>): Promise<StudentView> {
    const { student } = await result;
    if (student === null) throw new Error('the operation returned no student');
    return student;
  }

  daemon(): Promise<DaemonView> {
    return this.#get('/daemon');
  }

  list(): Promise<StudentView[]> {
    return this.#get('/students');
  }

  get(name: string): Promise<StudentView> {
    return this.#get(`/students/${encodeURIComponent(name)}`);
  }

  access(name: string): Promise<AccessInfo> {
    return this.#get(`/students/${encodeURIComponent(name)}/access`);
  }

  create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', '/students', progress, { name }, signal));
  }

  /** Opens the link by hand; with `adopt` takes over what somebody else has at its hostname. */
  open(name: string, adopt: boolean, progress: Progress): Promise<StudentView> {
    const path = `/students/${encodeURIComponent(name)}/open?adopt=${adopt}`;
    return this.#studentOf(this.#operate('POST', path, progress));
  }

  /** Compares wanted and actual at the edge; with `mend` makes them agree. */
  async sync(mend: boolean): Promise<Drift[]> {
    const response = await this.#ask('POST', `/sync?mend=${mend}`);
    const answer = JSON.parse(await readAll(response)) as Drift[] | { error: Problem };
    if (!Array.isArray(answer)) throw new DevenvError(answer.error);
    return answer;
  }

  act(deed: Deed, name: string, progress: Progress, signal?: AbortSignal): Promise<StudentView> {
    const path = `/students/${encodeURIComponent(name)}/${deed}`;
    return this.#studentOf(this.#operate('POST', path, progress, undefined, signal));
  }

  async remove(name: string, keepHome: boolean, progress: Progress): Promise<void> {
    await this.#operate('DELETE', `/students/${encodeURIComponent(name)}?keepHome=${keepHome}`, progress);
  }

  logs(name: string | null, lines: number): Promise<LogLine[]> {
    const student = name === null ? '' : `&name=${encodeURIComponent(name)}`;
    return this.#get(`/logs?lines=${lines}${student}`);
  }

  diagnose(): Promise<Diagnostic[]> {
    return this.#get('/examination');
  }

  async shutDown(): Promise<void> {
    await readAll(await this.#ask('POST', '/shutdown'));
  }
}
