/** The relay as in an environment: with types stripped, in its own process, with the agent's flags. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { agentModules } from '../../orchestrator/environments/image-context.ts';
import { root } from './installation.ts';

/** The agent's flags and environment, from its start script. */
function agentOptions() {
  const script = readFileSync(join(root, 'images/student/agent.sh'), 'utf8').replace(/^#.*/gm, '');
  const variables = [...script.matchAll(/\b(MALLOC_\w+)=(\w+)/g)].map(([, name, value]) => [name, value]);
  return {
    execArgv: [...(script.match(/(?<=\s)--[\w-]+(=\w+)?/g) ?? []), '--expose-gc'],
    env: { ...process.env, ...Object.fromEntries(variables) },
  };
}

/** Writes the relay's modules as JavaScript; returns the path of the main module. */
function writeModules(folder: string): string {
  for (const [path, code] of agentModules('test/support/relay-main.ts')) {
    const target = join(folder, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  return join(folder, 'test/support/relay-main.js');
}

export class RelayProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
  }

  /** Starts a student's relay that forwards to a port of this machine. */
  static async start(servicePort: number, student: string): Promise<RelayProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'devenv-relay-'));
    const child = fork(writeModules(folder), [String(servicePort), student], agentOptions());
    const [port] = await once(child, 'message');
    return new RelayProcess(child, folder, port);
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Bytes of heap and of the buffers that it owns, after garbage collection. */
  async memory(): Promise<number> {
    const answered = once(this.#child, 'message');
    this.#child.send('memory');
    const [bytes] = await answered;
    return bytes;
  }

  /** Bytes of private dirty memory, as the kernel counts them. */
  privateDirty(): number {
    const rollup = readFileSync(`/proc/${this.#child.pid}/smaps_rollup`, 'utf8');
    return Number(rollup.match(/^Private_Dirty:\s+(\d+)/m)?.[1]) * 1024;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
