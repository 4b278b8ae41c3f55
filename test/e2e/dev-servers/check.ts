/** Checks one dev server: starts it in a student's terminal and visits it with the public Host and Origin. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudentView } from '../../../orchestrator/student-view.ts';
import type { Answer } from '../../support/browse.ts';
import { fixtureFolder, placeProject } from '../../support/fixture-project.ts';
import type { Installation } from '../../support/installation.ts';
import type { Terminal } from '../../support/terminal.ts';
import { openSocket } from '../../support/visitor-socket.ts';
import { type WaitOptions, waitFor } from '../../support/wait.ts';
import { formBody } from './form-body.ts';
import type { DevServer, HotReload, Post } from './servers.ts';

/** The result of one feature: true if it works, null if the server does not have it, otherwise what went wrong. */
export type FeatureResult = true | string | null;

export interface DevServerResult {
  server: string;
  version: string;
  port: number | null;
  /** From the Enter key to the page, in seconds. */
  seconds: number;
  page: FeatureResult;
  hotReload: FeatureResult;
  post: FeatureResult;
}

/** Some dev servers compile for a minute before the first page. */
const FIRST_PAGE_TIMEOUT_MS = 240_000;
const VISIT_TIMEOUT_MS = 120_000;
const MAX_SHOWN = 300;

/** What a relay or server prints in a terminal if something went wrong between them. */
const COMPLAINT = /.*(DEVENV|malformed|bad request|ECONNRESET).*/i;

const messageOf = (error: Error) => error.message;

export class DevServerCheck {
  readonly #devenv: Installation;
  readonly #student: string;
  readonly #terminal: Terminal;

  constructor(devenv: Installation, student: string, terminal: Terminal) {
    this.#devenv = devenv;
    this.#student = student;
    this.#terminal = terminal;
  }

  /** Starts the server, checks all its features, and ends it. */
  async run(server: DevServer): Promise<DevServerResult> {
    await placeProject(this.#devenv, this.#student, server.fixture);
    this.#terminal.type(`cd ~/${server.fixture} && ${server.command}\r`);
    const started = performance.now();
    const page = await this.#page(server).catch(messageOf);
    const result = {
      server: server.name,
      version: versionOf(server),
      port: await this.#servedPort(),
      seconds: (performance.now() - started) / 1000,
    };
    if (typeof page === 'string') {
      await this.#interrupt();
      return { ...result, page, hotReload: server.hotReload && 'no page', post: server.post && 'no page' };
    }
    const post = server.post && (await this.#post(server.post, page.body).catch(messageOf));
    const hotReload = server.hotReload && (await this.#hotReload(server, server.hotReload).catch(messageOf));
    const complaint = this.#terminal.recentText.match(COMPLAINT)?.[0];
    await this.#interrupt();
    return { ...result, page: complaint === undefined ? true : `prints ${complaint}`, hotReload, post };
  }

  #get(path: string): Promise<Answer> {
    return this.#devenv.visit(this.#student, path, {
      timeoutMs: VISIT_TIMEOUT_MS,
      headers: { accept: 'text/html,*/*' },
    });
  }

  /** The port that the link shows; null for none. */
  async #servedPort(): Promise<number | null> {
    const { service } = await this.#devenv.json<StudentView>('status', this.#student);
    return service?.port ?? null;
  }

  async #page({ page }: DevServer): Promise<Answer> {
    let last = '';
    return waitFor(
      'the page',
      async () => {
        const answer = await this.#get('/').catch((error: Error) => {
          last = error.message;
        });
        if (!answer) return false;
        last = `${answer.status} ${answer.body.slice(0, MAX_SHOWN)}`;
        return answer.status === 200 && answer.body.includes(page) && answer;
      },
      {
        timeoutMs: FIRST_PAGE_TIMEOUT_MS,
        lastSeen: () => `${last}\n${this.#terminal.recentText.slice(-1000)}`,
      },
    );
  }

  async #hotReload({ fixture }: DevServer, hotReload: HotReload): Promise<true> {
    const { path, pathIn, protocol } = hotReload.socket;
    const source = pathIn === undefined ? '' : (await this.#get(pathIn)).body;
    if (hotReload.loadedFirst !== undefined) await this.#get(hotReload.loadedFirst);
    const { socket, messages } = await openSocket(
      this.#devenv,
      this.#student,
      typeof path === 'string' ? path : path(source),
      protocol === undefined ? [] : [protocol],
    );
    const options: WaitOptions = { lastSeen: () => messages.join('\n').slice(-1000) };
    await waitFor('its greeting', () => messages.some((each) => hotReload.greeting.test(each)), options);
    const before = messages.length;
    if (hotReload.trigger.kind === 'send') socket.send(hotReload.trigger.message);
    else this.#edit(fixture, hotReload.trigger);
    const hasUpdate = () => messages.slice(before).some((each) => hotReload.update.test(each));
    await waitFor('the message about the change', hasUpdate, options);
    socket.close();
    return true;
  }

  #edit(fixture: string, { file, from, to }: { file: string; from: string; to: string }): void {
    const container = `devenv-${this.#devenv.instance}-${this.#student}`;
    const script = `sed -i 's/${from}/${to}/' '/home/student/${fixture}/${file}'`;
    execFileSync('docker', ['exec', container, 'sh', '-c', script]);
  }

  /** Sends the form as a browser does, and, if the server checks origins, as a foreign page does. */
  async #post(post: Post, page: string): Promise<true> {
    const { path = '/', status, answer, foreignStatus } = post;
    const { type, body } = formBody(post.encoding, Object.entries(post.fields(page)));
    const send = (origin: string) =>
      this.#devenv.visit(this.#student, path, {
        method: 'POST',
        timeoutMs: VISIT_TIMEOUT_MS,
        headers: { origin, 'content-type': type, accept: 'text/html,*/*' },
        body,
      });
    const own = await send(`http://${this.#devenv.hostname(this.#student)}:${this.#devenv.edgePort}`);
    const received = `${own.headers.location ?? ''} ${own.body}`;
    if (own.status !== status || !answer.test(received))
      throw new Error(`${own.status} ${received.slice(0, MAX_SHOWN)}`);
    if (foreignStatus === undefined) return true;
    const foreign = await send('https://evil.example');
    if (foreign.status !== foreignStatus)
      throw new Error(`a foreign page's form gets status ${foreign.status}, not ${foreignStatus}`);
    return true;
  }

  async #interrupt(): Promise<void> {
    await this.#terminal.interrupt();
    const isSilent = async () => (await this.#servedPort().catch(() => false)) === null;
    await waitFor('the server to stop listening', isSilent);
  }
}

/** The version of the server's package in the fixture's lockfile. */
function versionOf({ fixture, package: name }: DevServer): string {
  const lock = JSON.parse(readFileSync(join(fixtureFolder(fixture), 'package-lock.json'), 'utf8'));
  return lock.packages[`node_modules/${name}`].version;
}
