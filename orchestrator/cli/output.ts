/**
 * Output of the command line. Results go to stdout, everything else to stderr. With `--json`, stdout contains exactly one
 * JSON value, the result or `{"error": …}`, and stderr stays empty.
 */
import ora, { type Ora } from 'ora';
import type { Progress } from '../domain.ts';
import { exitCodes, type Problem } from '../errors.ts';
import { printableJson, printableLine, printableLines } from '../protocol/printable-text.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

/** One JSON value on one line, for output that has one value per line. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value))}\n`);
}

/** Prints a result. Parts of it may come from a container. */
export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
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
    process.stderr.write(`${printableLines(lines.join('\n  '))}\n`);
  }
  return exitCodes[problem.code];
}

/** Says on stderr that the orchestrator can't save its state, as it may concern every student. Not with `--json`. */
export function warnOf(problem: Problem | null): void {
  if (problem !== null) reportProblem(problem, false);
}

/** Progress of a command. `stop` clears the spinner, so that results can be printed. */
export interface CommandProgress extends Progress {
  stop(): void;
}

const silent: Progress = { step() {}, done() {}, warn() {} };

/** A spinner while a step runs, replaced by a line with a check mark when it is done. */
class SpinnerProgress implements CommandProgress {
  #spinner: Ora | null = null;

  step(_id: string, text: string): void {
    if (this.#spinner === null)
      this.#spinner = ora({ text: printableLine(text), stream: process.stderr, discardStdin: false }).start();
    else this.#spinner.text = printableLine(text);
  }

  done(_id: string, text: string): void {
    this.#spinner ??= ora({ stream: process.stderr, discardStdin: false });
    this.#spinner.succeed(printableLine(text));
    this.#spinner = null;
  }

  warn(text: string): void {
    const running = this.#spinner?.isSpinning ? this.#spinner.text : null;
    this.#spinner?.stop();
    ora({ stream: process.stderr, discardStdin: false }).warn(printableLine(text));
    if (running !== null) this.#spinner?.start(running);
  }

  stop(): void {
    this.#spinner?.stop();
    this.#spinner = null;
  }
}

/** One plain line per step, without repetitions: for logs, pipes and CI. */
class LineProgress implements CommandProgress {
  #last = '';

  #say(line: string): void {
    if (line !== this.#last) process.stderr.write(`${printableLine(line)}\n`);
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

/** Whether a spinner can be drawn. It cannot on 0 columns: ora would compute infinitely many lines to redraw. */
const canSpin = () => process.stderr.isTTY && process.stderr.columns > 0 && !process.env.CI;

/** Progress for the output: none with `--json`, a spinner on a terminal, otherwise lines. */
export function openProgress(json: boolean): CommandProgress {
  if (json) return { ...silent, stop() {} };
  return canSpin() ? new SpinnerProgress() : new LineProgress();
}
