/** The orchestrator's process, started without the command line, for tests that kill and restart it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Installation, root } from './installation.ts';

export class Daemon {
  readonly #child: ChildProcess;
  #isAlive = true;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.once('exit', () => {
      this.#isAlive = false;
    });
  }

  /** Starts the process; `up` waits until it is ready. */
  static spawn({ stateDir, env }: Installation): Daemon {
    const log = openSync(join(stateDir, 'daemon.log'), 'a', 0o600);
    const child = spawn(process.execPath, ['--no-warnings', join(root, 'orchestrator/daemon.ts')], {
      env,
      cwd: stateDir,
      stdio: ['ignore', log, log, 'pipe'],
    });
    closeSync(log);
    return new Daemon(child);
  }

  /** Waits until the daemon announces how its start went; returns that line, null if it ended before. */
  async up(): Promise<string | null> {
    const announcements = this.#child.stdio[3] as Readable;
    const [line] = await Promise.race([once(announcements, 'data'), once(announcements, 'end')]);
    return line === undefined ? null : String(line);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Sends SIGKILL before it returns. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async ended(): Promise<void> {
    if (this.#isAlive) await once(this.#child, 'exit');
  }
}

/** The log of all daemons that ran in this installation. */
export const logOf = ({ stateDir }: Installation) => readFileSync(join(stateDir, 'daemon.log'), 'utf8');
