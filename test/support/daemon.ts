/** The orchestrator's process itself, past the command line: to be killed and started many times. */
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

  /** Resolves at once; `up` when it has said how it went, or has ended. */
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

  /** Resolves to its one line, or to null where it ended before. */
  async up(): Promise<string | null> {
    const announcements = this.#child.stdio[3] as Readable;
    const [line] = await Promise.race([once(announcements, 'data'), once(announcements, 'end')]);
    return line === undefined ? null : String(line);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** SIGKILL, sent before this returns. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async ended(): Promise<void> {
    if (this.#isAlive) await once(this.#child, 'exit');
  }
}

/** The daemon's log, of all that ran in this installation one after the other. */
export const logOf = ({ stateDir }: Installation) => readFileSync(join(stateDir, 'daemon.log'), 'utf8');
