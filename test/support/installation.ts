/**
 * A whole installation of devenv for a test: its own state folder, instance, and ports, beside whatever else
 * runs on the host. Used through the launcher, as a person does.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, browse, type Visit } from './browse.ts';
import { freePort } from './free-port.ts';
import { removeInstance } from './instance-leftovers.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';
import { currentRun } from './test-run.ts';

export const root = new URL('../..', import.meta.url).pathname;
export const launcher = join(root, 'devenv');

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface InstallationOptions {
  /** Further settings, by environment variable. */
  env?: Record<string, string>;
  /** Where visitors come in who look for names of that zone; by default the local edge's. */
  visitors?: { zone: string; port: number };
}

/** A range for each of jest's workers: the first port is asserted, so no other file's student may have it. */
const PORTS = { from: 20_000, each: 2500, ranges: 4 };

function firstPort(): number {
  const range = Number(process.env.JEST_WORKER_ID ?? 0) % PORTS.ranges;
  // The last ones are left to the students behind the first.
  return PORTS.from + range * PORTS.each + Math.floor(Math.random() * (PORTS.each - 100));
}

export class Installation {
  readonly instance: string;
  readonly stateDir: string;
  readonly edgePort: number;
  readonly env: Record<string, string>;
  readonly #visitors: InstallationOptions['visitors'];

  private constructor(parts: {
    instance: string;
    stateDir: string;
    edgePort: number;
    env: Record<string, string>;
    visitors: InstallationOptions['visitors'];
  }) {
    this.instance = parts.instance;
    this.stateDir = parts.stateDir;
    this.edgePort = parts.edgePort;
    this.env = parts.env;
    this.#visitors = parts.visitors;
  }

  /** Nothing is started yet: the first `devenv create` does that. */
  static async make({ env = {}, visitors }: InstallationOptions = {}): Promise<Installation> {
    const instance = `test-${currentRun}-${Math.random().toString(36).slice(2, 8)}`;
    const stateDir = mkdtempSync(join(tmpdir(), `devenv-${instance}-`));
    const edgePort = await freePort();
    const settings = {
      DEVENV_STATE_DIR: stateDir,
      DEVENV_INSTANCE: instance,
      DEVENV_LISTEN: `127.0.0.1:${edgePort}`,
      DEVENV_FIRST_PORT: String(firstPort()),
      ...env,
    };
    const inherited = Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('DEVENV_'),
    );
    return new Installation({
      instance,
      stateDir,
      edgePort,
      env: { ...Object.fromEntries(inherited), ...settings },
      visitors,
    });
  }

  /** Runs `devenv …` to its end, without a terminal. */
  devenv(args: string[], options: { input?: string; timeoutMs?: number } = {}): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(launcher, args, { env: this.env, stdio: 'pipe' });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data) => {
        stdout += data;
      });
      child.stderr.on('data', (data) => {
        stderr += data;
      });
      const timeoutMs = options.timeoutMs ?? 240_000;
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (signal === 'SIGKILL')
          reject(new Error(`devenv ${args.join(' ')} took over ${timeoutMs} ms\n${stderr}`));
        else resolve({ code: code ?? 1, stdout, stderr });
      });
      child.stdin.end(options.input ?? '');
    });
  }

  /** Runs `devenv …` and fails the test where it fails. */
  async succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.devenv(args);
    if (code !== 0) throw new Error(`devenv ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** What `devenv … --json` prints, parsed. */
  async json<View>(...args: string[]): Promise<View> {
    return JSON.parse(await this.succeed(...args, '--json')) as View;
  }

  /** `devenv …` in a terminal of its own. */
  terminal(args: string[], options: TerminalOptions = {}): Terminal {
    return new Terminal(launcher, args, {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  hostname(student: string): string {
    return `${student}.${this.#visitors?.zone ?? 'localhost'}`;
  }

  /** A visitor of the student's link. */
  visit(student: string, path = '/', more: Partial<Visit> = {}): Promise<Answer> {
    if (this.#visitors) {
      // Cloudflare's port is that of https, which nobody writes.
      return browse({ port: this.#visitors.port, host: this.hostname(student), path, ...more });
    }
    const host = `${this.hostname(student)}:${this.edgePort}`;
    return browse({ port: this.edgePort, host, path, ...more });
  }

  /** The status that a visitor gets; null where the visit was cut off, as it is in the middle of an answer when a link closes. */
  async statusOf(student: string): Promise<number | null> {
    const answer = await this.visit(student).catch(() => null);
    return answer?.status ?? null;
  }

  /** Everything of it is gone afterwards, whatever state it is in. */
  async remove(): Promise<void> {
    await this.devenv(['down'], { timeoutMs: 30_000 }).catch(() => undefined);
    await removeInstance(this.instance);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
