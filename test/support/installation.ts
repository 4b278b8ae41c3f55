/**
 * An installation of devenv for a test, with its own state folder, instance and ports, so that several run side by side
 * on the host. Used through the launcher, as a person does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { hostForRelay } from '../../orchestrator/protocol/relay-key.ts';
import { type Answer, browse, type Visit } from './browse.ts';
import { freePort } from './free-port.ts';
import { removeInstance } from './instance-leftovers.ts';
import { $ } from './shell.ts';
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
  /** Additional settings, by environment variable. */
  env?: Record<string, string>;
  /** The zone of the links and the port that receives visitors; by default those of the local edge. */
  visitors?: { zone: string; port: number };
}

/** How long a command may take at most. */
const COMMAND_TIMEOUT_MS = 240_000;

/** Students' ports, a range for each of jest's workers: tests assert the first one, so no other file may use it. */
const PORTS = { from: 20_000, each: 2500, ranges: 4 };

function firstPort(): number {
  const range = Number(process.env.JEST_WORKER_ID ?? 0) % PORTS.ranges;
  // The last 100 are for the students after the first.
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

  /** Starts nothing: the first `devenv create` starts the orchestrator. */
  static async make({ env = {}, visitors }: InstallationOptions = {}): Promise<Installation> {
    const instance = `test-${currentRun}-${Math.random().toString(36).slice(2, 8)}`;
    const stateDir = mkdtempSync(join(tmpdir(), `devenv-${instance}-`));
    const edgePort = await freePort();
    const settings = {
      DEVENV_STATE_DIR: stateDir,
      DEVENV_INSTANCE: instance,
      DEVENV_LISTEN: `127.0.0.1:${edgePort}`,
      DEVENV_FIRST_PORT: String(firstPort()),
      // A test must not change the machine, such as the kernel's limits.
      DEVENV_NO_INSTALL: '1',
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

  /** Runs `devenv …` without a terminal and waits for its end. Throws after `timeoutMs`. */
  async devenv(
    args: string[],
    { input = '', timeoutMs = COMMAND_TIMEOUT_MS }: { input?: string; timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    const options = { env: this.env, nothrow: true, stdio: 'pipe', timeout: timeoutMs } as const;
    const running = $({ ...options, timeoutSignal: 'SIGKILL' })`${launcher} ${args}`;
    running.child?.stdin?.end(input);
    const { exitCode, signal, stdout, stderr } = await running;
    if (signal === 'SIGKILL')
      throw new Error(`devenv ${args.join(' ')} took over ${timeoutMs} ms\n${stderr}`);
    return { code: exitCode ?? 1, stdout, stderr };
  }

  /** Runs `devenv …` and throws where it fails. Returns what it printed. */
  async succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.devenv(args);
    if (code !== 0) throw new Error(`devenv ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** What `devenv … --json` prints, parsed. */
  async json<View>(...args: string[]): Promise<View> {
    return JSON.parse(await this.succeed(...args, '--json')) as View;
  }

  /** Runs `devenv …` in a terminal of its own. */
  terminal(args: string[], options: TerminalOptions = {}): Terminal {
    return new Terminal(launcher, args, {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  hostname(student: string): string {
    return `${student}.${this.#visitors?.zone ?? 'localhost'}`;
  }

  /** The `Host` with which the edge proves itself to the student's relay. */
  hostForRelay(student: string): string {
    const db = new DatabaseSync(join(this.stateDir, 'state.db'), { readOnly: true });
    try {
      const row = db.prepare('SELECT relay_key AS key FROM students WHERE name = ?').get(student);
      return hostForRelay(String(row?.key), this.hostname(student));
    } finally {
      db.close();
    }
  }

  /** Visits the student's link. */
  visit(student: string, path = '/', more: Partial<Visit> = {}): Promise<Answer> {
    if (this.#visitors) {
      // Visitors of Cloudflare use the default port of https, so the host has none.
      return browse({ port: this.#visitors.port, host: this.hostname(student), path, ...more });
    }
    const host = `${this.hostname(student)}:${this.edgePort}`;
    return browse({ port: this.edgePort, host, path, ...more });
  }

  /** The HTTP status that a visitor gets; null where the connection was closed, as when a link closes during a response. */
  async statusOf(student: string): Promise<number | null> {
    const answer = await this.visit(student).catch(() => null);
    return answer?.status ?? null;
  }

  /** Removes all of it, whatever state it is in. */
  async remove(): Promise<void> {
    await this.devenv(['down'], { timeoutMs: 30_000 }).catch(() => undefined);
    await removeInstance(this.instance);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
