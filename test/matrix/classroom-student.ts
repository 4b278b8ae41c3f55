/** A student of a classroom as the matrices drive one: scripts, terminals, and visits to the student's link. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Installation } from '../support/installation.ts';
import type { Terminal } from '../support/terminal.ts';
import { WAIT_TIMEOUT_MS, waitFor } from '../support/wait.ts';

const run = promisify(execFile);

const MAX_OUTPUT_BYTES = 64 * 2 ** 20;
const SCRIPT_TIMEOUT_MS = 300_000;
const VISIT_EVERY_MS = 25;

const secondsSince = (since: number) => (performance.now() - since) / 1000;

export class ClassroomStudent {
  readonly name: string;
  readonly devenv: Installation;

  constructor(devenv: Installation, name: string) {
    this.devenv = devenv;
    this.name = name;
  }

  get container(): string {
    return `devenv-${this.devenv.instance}-${this.name}`;
  }

  /** Runs a script in the container as the student, but outside every session; returns what it printed. */
  async runScript(script: string): Promise<string> {
    const settings = ['-w', '/home/student', '-e', 'HOME=/home/student'];
    const { stdout } = await run('docker', ['exec', ...settings, this.container, 'bash', '-c', script], {
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: SCRIPT_TIMEOUT_MS,
    });
    return stdout.trim();
  }

  /** A new terminal that runs a shell, or `command` instead of it. */
  terminal(env: Record<string, string> = {}, ...command: string[]): Terminal {
    return this.devenv.terminal(['shell', this.name, ...command], { env });
  }

  /** A new terminal, once its shell shows the first prompt. */
  async openTerminal(env: Record<string, string> = {}): Promise<Terminal> {
    const terminal = this.terminal(env);
    await terminal.see(/\$ $/);
    return terminal;
  }

  /** Status and page of a visit. Status 0 means that the connection was cut, as all are when a link closes. */
  async visit(): Promise<{ status: number; body: string }> {
    return this.devenv.visit(this.name).catch((error: Error) => ({ status: 0, body: error.message }));
  }

  async visitStatus(): Promise<number> {
    return (await this.visit()).status;
  }

  /** Waits for a page that `isExpected` accepts; returns the seconds since `since` (of `performance.now`). */
  async secondsUntilPage(
    isExpected: (body: string) => boolean,
    since: number,
    timeoutMs = WAIT_TIMEOUT_MS,
  ): Promise<number> {
    let last = '';
    await waitFor(
      `${this.name}'s page`,
      async () => {
        const { status, body } = await this.visit();
        last = `${status} ${body.slice(0, 300)}`;
        return status === 200 && isExpected(body);
      },
      { timeoutMs, everyMs: VISIT_EVERY_MS, lastSeen: () => last },
    );
    return secondsSince(since);
  }

  /** Waits until the link is closed; returns the seconds since `since` (of `performance.now`). */
  async secondsUntilGone(since: number, timeoutMs = WAIT_TIMEOUT_MS): Promise<number> {
    let last = 0;
    await waitFor(
      `${this.name}'s link to be gone`,
      async () => {
        last = await this.visitStatus();
        return last === 404;
      },
      { timeoutMs, everyMs: VISIT_EVERY_MS, lastSeen: () => String(last) },
    );
    return secondsSince(since);
  }

  /** Undoes what a row did: ends all of the student's processes and sessions, and waits until the link is gone. */
  async reset(): Promise<void> {
    await this.devenv.succeed('start', this.name);
    // Kills everything except process 1, the agent and its tools, and this shell.
    await this.runScript(
      `tmux kill-server 2>/dev/null
       for p in /proc/[0-9]*; do pid=\${p#/proc/}; case "$(tr '\\0' ' ' <$p/cmdline)" in
       *devenv/init.sh*|*devenv/agent*|'') ;; *) [ $pid -eq 1 ] || [ $pid -eq $$ ] || kill -9 $pid;; esac; done 2>/dev/null
       rm -f ~/.devenv-port /run/devenv/port; cp /etc/skel/.bashrc ~/.bashrc`,
    ).catch(() => undefined);
    await this.secondsUntilGone(performance.now());
  }

  /** Copies a folder into the student's home. */
  copyIn(folder: string): void {
    const archive = execFileSync('tar', ['-C', folder, '-c', '.'], {
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    const target = `/home/student/${folder.split('/').at(-1)}`;
    execFileSync('docker', ['exec', this.container, 'mkdir', '-p', target]);
    execFileSync('docker', ['exec', '-i', this.container, 'tar', '-C', target, '-x'], { input: archive });
  }
}
