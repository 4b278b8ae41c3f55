/** A class for the matrices: an installation with short times, and students whose terminals run side by side. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { Installation, root } from '../support/installation.ts';
import type { Terminal } from '../support/terminal.ts';
import { WAIT_TIMEOUT_MS, waitFor } from '../support/wait.ts';

const run = promisify(execFile);

/** Seconds, as the matrices' installations have them: the grace long enough to be told from a machine that is busy. */
export const TIMES = { grace: 8, starting: 12 } as const;

/** What is gone by then was gone at once, and not after the grace; in seconds. */
export const AT_ONCE = TIMES.grace - 2;

/** One row's outcome. Times in seconds; null where the row has none. */
export interface MatrixResult {
  how: string;
  live: number | null;
  gone: number | null;
  /** What was not as it should be; empty: ok. */
  faults: string[];
}

const seconds = (since: number) => (performance.now() - since) / 1000;

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

  /** Runs a script in there as the student, outside every session; returns what it printed. */
  async inside(script: string): Promise<string> {
    const settings = ['-u', '1000:1000', '-w', '/home/student', '-e', 'HOME=/home/student'];
    const { stdout } = await run('docker', ['exec', ...settings, this.container, 'bash', '-c', script], {
      maxBuffer: 64 * 2 ** 20,
      timeout: 300_000,
    });
    return stdout.trim();
  }

  /** A terminal with a shell in it, or with that command alone. */
  terminal(env: Record<string, string> = {}, ...command: string[]): Terminal {
    return this.devenv.terminal(['shell', this.name, ...command], { env });
  }

  /** A terminal at its first prompt. */
  async open(env: Record<string, string> = {}): Promise<Terminal> {
    const terminal = this.terminal(env);
    await terminal.see(/\$ $/);
    return terminal;
  }

  /** A visit's status and page. A connection that is cut, as all are when a link closes, has status 0. */
  async visit(): Promise<{ status: number; body: string }> {
    return this.devenv.visit(this.name).catch((error: Error) => ({ status: 0, body: error.message }));
  }

  async status(): Promise<number> {
    return (await this.visit()).status;
  }

  /** Waits for a page that fits, and returns the seconds since `since` (of `performance.now`). */
  async untilPage(
    isRight: (body: string) => boolean,
    since: number,
    timeoutMs = WAIT_TIMEOUT_MS,
  ): Promise<number> {
    let last = '';
    await waitFor(
      `${this.name}'s page`,
      async () => {
        const { status, body } = await this.visit();
        last = `${status} ${body.slice(0, 300)}`;
        return status === 200 && isRight(body);
      },
      { timeoutMs, everyMs: 25, lastSeen: () => last },
    );
    return seconds(since);
  }

  /** Waits until nothing leads there any more; seconds since `since`. */
  async untilGone(since: number, timeoutMs = WAIT_TIMEOUT_MS): Promise<number> {
    let last = 0;
    await waitFor(
      `${this.name}'s link to be gone`,
      async () => {
        last = await this.status();
        return last === 404;
      },
      { timeoutMs, everyMs: 25, lastSeen: () => String(last) },
    );
    return seconds(since);
  }

  /** As before the row: nothing of a student's runs, nobody is in. */
  async tidy(): Promise<void> {
    await this.devenv.succeed('start', this.name);
    // All but process 1, the agent and its tools, and this shell.
    await this.inside(
      `tmux kill-server 2>/dev/null
       for p in /proc/[0-9]*; do pid=\${p#/proc/}; case "$(tr '\\0' ' ' <$p/cmdline)" in
       *devenv/init.sh*|*devenv/agent*|'') ;; *) [ $pid -eq 1 ] || [ $pid -eq $$ ] || kill -9 $pid;; esac; done 2>/dev/null
       rm -f ~/.devenv-port /run/devenv/port; cp /etc/skel/.bashrc ~/.bashrc`,
    ).catch(() => undefined);
    await this.untilGone(performance.now());
  }

  /** Copies a folder into the home. */
  place(folder: string): void {
    const archive = execFileSync('tar', ['-C', folder, '--owner=1000', '--group=1000', '-c', '.'], {
      maxBuffer: 64 * 2 ** 20,
    });
    const target = `/home/student/${folder.split('/').at(-1)}`;
    execFileSync('docker', ['exec', '-u', '1000:1000', this.container, 'mkdir', '-p', target]);
    execFileSync('docker', ['cp', '-', `${this.container}:${target}`], { input: archive });
  }
}

/** Whether the terminal's client ends by itself. */
export const endsSoon = (terminal: Terminal) =>
  Promise.race([
    terminal.ended.then(() => true),
    new Promise<false>((resolve) => setTimeout(resolve, 15_000, false).unref()),
  ]);

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const namesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => NAMES[index] ?? `student-${index + 1}`);

export interface Classroom {
  devenv: Installation;
  students: ClassroomStudent[];
  /** Everything of it is gone afterwards. */
  close(): Promise<void>;
}

/** A class with the matrices' app in each home. */
export async function openClassroom(options: {
  students: number;
  env?: Record<string, string>;
}): Promise<Classroom> {
  const devenv = await Installation.make({
    env: {
      DEVENV_GRACE: String(TIMES.grace),
      DEVENV_STARTING: String(TIMES.starting),
      DEVENV_LIMITS_MEMORY: '600m',
      ...options.env,
    },
  });
  const students = namesOf(options.students).map((name) => new ClassroomStudent(devenv, name));
  try {
    for (const student of students) {
      await devenv.succeed('create', student.name);
      student.place(`${root}test/matrix/app`);
    }
  } catch (error) {
    await devenv.remove();
    throw error;
  }
  return { devenv, students, close: () => devenv.remove() };
}

/** Runs `task` with a class that is gone afterwards, whatever happens. */
export async function withClassroom<Result>(
  options: Parameters<typeof openClassroom>[0],
  task: (students: ClassroomStudent[]) => Promise<Result>,
): Promise<Result> {
  const { students, close } = await openClassroom(options);
  try {
    return await task(students);
  } finally {
    await close();
  }
}

/** Spreads rows over the students, each student's one after the other; outcomes in the rows' order. */
export async function runRows<Row extends { how: string }>(
  rows: readonly Row[],
  students: readonly ClassroomStudent[],
  task: (row: Row, student: ClassroomStudent) => Promise<MatrixResult>,
): Promise<MatrixResult[]> {
  const outcomes = new Map<Row, MatrixResult>();
  const waiting = [...rows];
  await Promise.all(
    students.map(async (student) => {
      for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
        const fault = (error: unknown) => (error instanceof Error ? error.message : String(error));
        const outcome = await task(row, student).catch(
          (error): MatrixResult => ({ how: row?.how ?? '', live: null, gone: null, faults: [fault(error)] }),
        );
        await student.tidy().catch((error) => outcome.faults.push(`afterwards: ${fault(error)}`));
        outcomes.set(row, outcome);
        process.stderr.write(`${outcome.faults.length === 0 ? '✓' : '✗'} ${row.how}\n`);
      }
    }),
  );
  return rows.flatMap((row) => outcomes.get(row) ?? []);
}
