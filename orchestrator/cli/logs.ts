import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { LogLine } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print } from './output.ts';

/** How often `--follow` asks for more, in ms. */
const FOLLOW_EVERY = 500;

function toLines(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 1 || lines > 100_000) {
    throw new InvalidArgumentError('It is a whole number from 1 to 100000.');
  }
  return lines;
}

function show(line: LogLine, json: boolean): void {
  if (json) print(JSON.stringify(line));
  else
    print(
      `${line.at} ${line.level.padEnd(5)} ${line.student === null ? '' : `[${line.student}] `}${line.text}`,
    );
}

/** What is in `now` behind the last line of `before`: both are the newest lines of the same log. */
function newLines(before: readonly LogLine[], now: readonly LogLine[]): LogLine[] {
  const last = before.at(-1);
  if (last === undefined) return [...now];
  const at = now.findLastIndex((line) => line.at === last.at && line.text === last.text);
  return now.slice(at + 1);
}

/** The daemon's answer; where none runs, what the last one has left: it may say why. Throws as the daemon does. */
async function readLines(context: Context, name: string | null, count: number): Promise<LogLine[]> {
  const { client, settings } = context;
  try {
    return await client.logs(name, count);
  } catch (error) {
    const path = join(settings.stateDir, 'daemon.log');
    if (!(error instanceof DevenvError) || error.code !== 'not-running' || !existsSync(path)) throw error;
    context.progress.warn('The orchestrator is not running: this is its own log only; `devenv up` starts it');
    const { readLog } = await import('../log.ts');
    return readLog(path, name, count);
  }
}

export const addLogs: AddCommand = (program, run) => {
  program
    .command('logs')
    .argument('[name]', "one student's lines only, with what their environment has printed")
    .description('what happened, oldest first (with --json: one object a line)')
    .option('-n, --lines <number>', 'how many', toLines, 100)
    .option('-f, --follow', 'go on with what happens, until Ctrl-C')
    .action(
      run(
        async (context: Context, name: string | undefined, options: { lines: number; follow?: boolean }) => {
          const { json } = context;
          let shown = await readLines(context, name ?? null, options.lines);
          for (const line of shown) show(line, json);
          while (options.follow) {
            await sleep(FOLLOW_EVERY);
            const now = await readLines(context, name ?? null, 1000);
            for (const line of newLines(shown, now)) show(line, json);
            if (now.length > 0) shown = now;
          }
        },
      ),
    );
};
