/** Client of the daemon's API, over its unix socket. Every failure is thrown as a DevenvError. */
import { type IncomingMessage, request } from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { nanoid } from 'nanoid';
import type {
  AccessInfo,
  Diagnostic,
  Drift,
  Egress,
  EgressPolicy,
  LogLine,
  Progress,
  StudentImage,
} from '../domain.ts';
import { DevenvError, type Problem, systemCodeOf } from '../errors.ts';
import type { StudentView } from '../student-view.ts';
import { type DaemonView, OPERATION_HEADER, type OperationResult, type ProgressEvent } from './contract.ts';

/** No process listens on the socket, or it has just ended. */
const CONNECTION_LOST = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

const notRunning = () =>
  new DevenvError({
    code: 'not-running',
    what: 'The orchestrator is not running.',
    next: 'Start it: devenv up',
  });

const isConnectionLost = (error: unknown) => CONNECTION_LOST.has(systemCodeOf(error) ?? '');

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw isConnectionLost(error) ? notRunning() : error;
  }
  return Buffer.concat(chunks).toString();
}

/** The lines of a response until it ends or the daemon is killed. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  const lines = createInterface({ input: response });
  // readline re-emits the response's errors, also after the last line was read; unhandled, they would end the process.
  lines.on('error', () => undefined);
  try {
    yield* lines;
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
  }
}

/** What an unsuccessful response says; null if it does not come from this version's API. */
function parseProblem(text: string): Problem | null {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<Problem> | string };
    return typeof error === 'object' && 'code' in error ? (error as Problem) : null;
  } catch {
    return null;
  }
}

const pathOf = (name: string) => `/students/${encodeURIComponent(name)}`;

export class ApiClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  #send(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
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
              what: `This user has no access to the orchestrator at ${this.#socketPath}.`,
              next: 'Run the command as the user who started the orchestrator.',
            }),
          );
        } else reject(isConnectionLost(error) ? notRunning() : error);
      });
      outgoing.end(body && JSON.stringify(body));
    });
  }

  async #problemIn(response: IncomingMessage): Promise<DevenvError> {
    const problem = parseProblem(await readAll(response));
    if (problem !== null) return new DevenvError(problem);
    return new DevenvError({
      code: 'busy',
      what: 'The running orchestrator is another version of devenv and does not know this request.',
      next: `Stop it: kill $(cat ${join(dirname(this.#socketPath), 'daemon.pid')}). Then run: devenv up`,
    });
  }

  async #json<View>(method: 'GET' | 'POST', path: string): Promise<View> {
    const response = await this.#send(method, path);
    if (response.statusCode !== 200) throw await this.#problemIn(response);
    return JSON.parse(await readAll(response)) as View;
  }

  /** Runs an operation and reports its progress. Aborting cancels it; the result is still awaited. */
  async #operate(method: string, path: string, progress: Progress, body?: object, signal?: AbortSignal) {
    const id = nanoid();
    const cancel = () => void this.#send('DELETE', `/operations/${id}`).then(readAll, () => undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    const response = await this.#send(method, path, body, { [OPERATION_HEADER]: id });
    if (response.statusCode !== 200) throw await this.#problemIn(response);
    for await (const line of linesOf(response)) {
      const event = JSON.parse(line) as ProgressEvent;
      switch (event.kind) {
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
          return event.result;
      }
    }
    throw new DevenvError({
      code: 'not-running',
      what: 'The orchestrator ended before the operation was finished.',
      next: 'Start it again: devenv up. It then finishes or undoes the operation.',
    });
  }

  async #studentOf(result: Promise<OperationResult>): Promise<StudentView> {
    const { student } = await result;
    if (student === null) throw new Error('the operation returned no student');
    return student;
  }

  daemon(): Promise<DaemonView> {
    return this.#json('GET', '/daemon');
  }

  /** Asks the daemon to stop. Its process ends later: after the operations that are running. */
  async stopDaemon(): Promise<void> {
    await this.#json('POST', '/daemon/stop');
  }

  list(): Promise<StudentView[]> {
    return this.#json('GET', '/students');
  }

  /** Throws `not-found`. */
  get(name: string): Promise<StudentView> {
    return this.#json('GET', pathOf(name));
  }

  access(name: string): Promise<AccessInfo> {
    return this.#json('GET', `${pathOf(name)}/access`);
  }

  create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', '/students', progress, { name }, signal));
  }

  /** `newHome`: a student whose home is gone gets an empty one. */
  start(name: string, newHome: boolean, progress: Progress, signal?: AbortSignal): Promise<StudentView> {
    const path = `${pathOf(name)}/start?newHome=${newHome}`;
    return this.#studentOf(this.#operate('POST', path, progress, undefined, signal));
  }

  stop(name: string, progress: Progress): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', `${pathOf(name)}/stop`, progress));
  }

  restart(name: string, progress: Progress, signal?: AbortSignal): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', `${pathOf(name)}/restart`, progress, undefined, signal));
  }

  /** `adopt`: takes over a foreign record or rule at the student's hostname. */
  open(name: string, adopt: boolean, progress: Progress): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', `${pathOf(name)}/open?adopt=${adopt}`, progress));
  }

  close(name: string, progress: Progress): Promise<StudentView> {
    return this.#studentOf(this.#operate('POST', `${pathOf(name)}/close`, progress));
  }

  async remove(name: string, keepHome: boolean, progress: Progress): Promise<void> {
    await this.#operate('DELETE', `${pathOf(name)}?keepHome=${keepHome}`, progress);
  }

  /** Builds the student image on a new base; environments get it at their next start. */
  async update(progress: Progress, signal: AbortSignal): Promise<StudentImage> {
    const { image } = await this.#operate('POST', '/update', progress, undefined, signal);
    if (image === undefined) throw new Error('the update returned no image');
    return image;
  }

  /** The newest `count` log lines, oldest first; of all students where `name` is null. */
  logs(name: string | null, count: number): Promise<LogLine[]> {
    const student = name === null ? '' : `&name=${encodeURIComponent(name)}`;
    return this.#json('GET', `/logs?lines=${count}${student}`);
  }

  egress(): Promise<EgressPolicy> {
    return this.#json('GET', '/egress');
  }

  /** Sets what the class (null) or one student reaches. Throws `not-found` or `network`. */
  setEgress(name: string | null, egress: Egress): Promise<EgressPolicy> {
    const student = name === null ? '' : `&name=${encodeURIComponent(name)}`;
    return this.#json('POST', `/egress?egress=${egress}${student}`);
  }

  /** Compares the edge's observed with the desired state; `repair` writes what differs. */
  sync(repair: boolean): Promise<Drift[]> {
    return this.#json('POST', `/sync?repair=${repair}`);
  }

  diagnose(): Promise<Diagnostic[]> {
    return this.#json('GET', '/diagnostics');
  }
}
