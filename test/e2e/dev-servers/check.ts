/** One dev server, started in a student's terminal and visited through the edge with the public Host and Origin. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudentView } from '../../../orchestrator/student-view.ts';
import type { Answer } from '../../support/browse.ts';
import { fixtureFolder, placeProject } from '../../support/fixture-project.ts';
import type { Installation } from '../../support/installation.ts';
import type { Terminal } from '../../support/terminal.ts';
import { openSocket } from '../../support/visitor-socket.ts';
import { waitFor } from '../../support/wait.ts';
import type { DevServer, HotReload, Post } from './servers.ts';

/** What was seen of a server; null where it has no such thing, words where it went wrong. */
export interface DevServerResult {
  server: string;
  version: string;
  port: number | null;
  /** From the Enter key to the page, in seconds. */
  seconds: number;
  page: true | string;
  hotReload: true | string | null;
  post: true | string | null;
}

const patient = { timeoutMs: 120_000, everyMs: 100 };

export class DevServerCheck {
  readonly #devenv: Installation;
  readonly #student: string;
  readonly #terminal: Terminal;

  constructor(devenv: Installation, student: string, terminal: Terminal) {
    this.#devenv = devenv;
    this.#student = student;
    this.#terminal = terminal;
  }

  /** Starts the server, looks at all of it, and ends it. */
  async look(server: DevServer): Promise<DevServerResult> {
    await placeProject(this.#devenv, this.#student, server.fixture);
    this.#terminal.type(`cd ~/${server.fixture} && ${server.command}\r`);
    const started = performance.now();
    const page = await this.#page(server).catch((error: Error) => error.message);
    const outcome = {
      server: server.name,
      version: versionOf(server),
      port: await this.#servedPort(),
      seconds: (performance.now() - started) / 1000,
    };
    if (typeof page === 'string') {
      await this.#end();
      return { ...outcome, page, hotReload: server.hotReload && 'no page', post: server.post && 'no page' };
    }
    const said = (error: Error) => error.message;
    const post = server.post && (await this.#post(server.post, page.body).catch(said));
    const hotReload = server.hotReload && (await this.#hotReload(server, server.hotReload).catch(said));
    const complaint = this.#terminal.recentText.match(/.*(DEVENV|malformed|bad request|ECONNRESET).*/i)?.[0];
    await this.#end();
    return { ...outcome, page: complaint === undefined ? true : `prints ${complaint}`, hotReload, post };
  }

  #get(path: string): Promise<Answer> {
    return this.#devenv.visit(this.#student, path, {
      timeoutMs: 60_000,
      headers: { accept: 'text/html,*/*' },
    });
  }

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
        last = `${answer.status} ${answer.body.slice(0, 300)}`;
        return answer.status === 200 && answer.body.includes(page) && answer;
      },
      { ...patient, lastSeen: () => `${last}\n${this.#terminal.recentText.slice(-1000)}` },
    );
  }

  async #hotReload({ fixture }: DevServer, hot: HotReload): Promise<true> {
    const { path, in: place, protocol } = hot.socket;
    const found = place === undefined ? '' : (await this.#get(place)).body;
    if (hot.ask !== undefined) await this.#get(hot.ask);
    const { socket, messages } = await openSocket(
      this.#devenv,
      this.#student,
      typeof path === 'string' ? path : path(found),
      protocol === undefined ? [] : [protocol],
    );
    const lastSeen = () => messages.join('\n').slice(-1000);
    await waitFor('its greeting', () => messages.some((each) => hot.greeting.test(each)), {
      ...patient,
      lastSeen,
    });
    const before = messages.length;
    if ('say' in hot.change) socket.send(hot.change.say);
    else this.#edit(fixture, hot.change);
    const hasNews = () => messages.slice(before).some((each) => hot.news.test(each));
    await waitFor('news of a change', hasNews, { ...patient, lastSeen });
    socket.close();
    return true;
  }

  #edit(fixture: string, { file, from, to }: { file: string; from: string; to: string }): void {
    const container = `devenv-${this.#devenv.instance}-${this.#student}`;
    const script = `sed -i 's/${from}/${to}/' '/home/student/${fixture}/${file}'`;
    execFileSync('docker', ['exec', '-u', '1000:1000', container, 'sh', '-c', script]);
  }

  /** The form as a browser sends it; and, where the server checks that, as a foreign page sends it. */
  async #post({ path = '/', fields, encoding, status, answer, foreign }: Post, page: string): Promise<true> {
    const values = Object.entries(fields(page));
    const boundary = '----form';
    const parts = values.map(
      ([key, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`,
    );
    const [type, body] =
      encoding === 'urlencoded'
        ? ['application/x-www-form-urlencoded', new URLSearchParams(values).toString()]
        : [`multipart/form-data; boundary=${boundary}`, `${parts.join('')}--${boundary}--\r\n`];
    const send = (origin: string) =>
      this.#devenv.visit(this.#student, path, {
        method: 'POST',
        timeoutMs: 60_000,
        headers: { origin, 'content-type': type, accept: 'text/html,*/*' },
        body,
      });
    const own = await send(`http://${this.#devenv.hostname(this.#student)}:${this.#devenv.edgePort}`);
    const got = `${own.headers.location ?? ''} ${own.body}`;
    if (own.status !== status || !answer.test(got)) throw new Error(`${own.status} ${got.slice(0, 300)}`);
    if (foreign === undefined) return true;
    const other = await send('https://evil.example');
    if (other.status !== foreign) throw new Error(`a foreign page's form is answered ${other.status}`);
    return true;
  }

  async #end(): Promise<void> {
    await this.#terminal.interrupt();
    await waitFor(
      'nothing to listen any more',
      async () => (await this.#servedPort().catch(() => false)) === null,
      {
        timeoutMs: 30_000,
      },
    );
  }
}

function versionOf({ fixture, package: name }: DevServer): string {
  const lock = JSON.parse(readFileSync(join(fixtureFolder(fixture), 'package-lock.json'), 'utf8'));
  return lock.packages[`node_modules/${name}`].version;
}
