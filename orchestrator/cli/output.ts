/**
 * How the command line speaks. Results go to stdout, everything else to stderr. With `--json` stdout holds exactly
 * one JSON value: the result, or `{"error": {code, what, next}}`; and nothing is said besides.
 */
import ora, { type Ora } from 'ora';
import type { Progress } from '../domain.ts';
import { exitCodeOf, type Problem } from '../errors.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** When devenv continues automatically, in local time; null where the problem does not say. `now`: ms since 1970. */
export function continuationOf({ until }: Problem, now: number): string | null {
  if (until === undefined) return null;
  const seconds = Math.ceil((Date.parse(until) - now) / 1000);
  if (seconds <= 0) return 'devenv continues automatically now.';
  const time = new Date(until).toTimeString().slice(0, 8);
  return `devenv continues automatically at ${time} (in ${seconds} s).`;
}

/** Prints a problem and returns the exit code of its error code. */
export function reportProblem(problem: Problem, json: boolean): number {
  if (json) printJson({ error: problem });
  else {
    const { what, next } = problem;
    const lines = [`devenv: ${what}`, next, continuationOf(problem, Date.now())].filter(
      (line) => line !== null,
    );
    process.stderr.write(`${lines.join('\n  ')}\n`);
  }
  return exitCodeOf(problem.code);
}

const silent: Progress = { step() {}, done() {}, warn() {} };

/** One line that turns while a step lasts, and stays with a tick when it is done. */
class SpinnerProgress implements Progress {
  #spinner: Ora | null = null;

  step(_id: string, text: string): void {
    if (this.#spinner === null)
      this.#spinner = ora({ text, stream: process.stderr, discardStdin: false }).start();
    else this.#spinner.text = text;
  }

  done(_id: string, text: string): void {
    this.#spinner ??= ora({ stream: process.stderr, discardStdin: false });
    this.#spinner.succeed(text);
    this.#spinner = null;
  }

  warn(text: string): void {
    const running = this.#spinner?.isSpinning ? this.#spinner.text : null;
    this.#spinner?.stop();
    ora({ stream: process.stderr, discardStdin: false }).warn(text);
    if (running !== null) this.#spinner?.start(running);
  }

  stop(): void {
    this.#spinner?.stop();
    this.#spinner = null;
  }
}

/** Plain lines, each text once: for logs, pipes and CI. */
class LineProgress implements Progress {
  #last = '';

  #say(line: string): void {
    if (line !== this.#last) process.stderr.write(`${line}\n`);
    this.#last = line;
  }

  step(_id: string, text: string): void {
    this.#say(`… ${text}`);
  }

  done(_id: string, text: string): void {
    this.#say(`✓ ${text}`);
  }

  warn(text: string): void {
    this.#say(`! ${text}`);
  }

  stop(): void {}
}

/** The progress that fits: none with `--json`, a spinner on a terminal, else lines. `stop` clears what turns. */
export function openProgress(json: boolean): Progress & { stop(): void } {
  if (json) return { ...silent, stop() {} };
  return process.stderr.isTTY && !process.env.CI ? new SpinnerProgress() : new LineProgress();
}
