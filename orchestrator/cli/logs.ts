import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { LogLine } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import { printableLine } from '../protocol/printable-text.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJsonLine } from './output.ts';

const FOLLOW_INTERVAL_MS = 500;

/** Lines read per interval while following. More in one interval are skipped. */
const FOLLOW_LINES = 1000;

function parseLineCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 100_000) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 100000.');
  }
  return count;
}

function show({ at, level, student, text }: LogLine): void {
  print(printableLine(`${at} ${level.padEnd(5)} ${student === null ? '' : `[${student}] `}${text}`));
}

/** The lines of `now` after the last line of `before`. Both are the newest lines of the same log. */
function newLines(before: readonly LogLine[], now: readonly LogLine[]): LogLine[] {
  const last = before.at(-1);
  if (last === undefined) return [...now];
  const at = now.findLastIndex((line) => line.at === last.at && line.text === last.text);
  return now.slice(at + 1);
}

/** Reads from the daemon, or its log file if it does not run: the file may say why. */
async function readLines(context: Context, name: string | null, count: number): Promise<LogLine[]> {
  const { client, settings } = context;
  try {
    return await client.logs(name, count);
  } catch (error) {
    const path = join(settings.stateDir, 'daemon.log');
    if (!(error instanceof DevenvError) || error.code !== 'not-running' || !existsSync(path)) throw error;
    context.progress.warn('The orchestrator is not running: this is only its own log. Start it: devenv up');
    const { readLog } = await import('../log.ts');
    return readLog(path, name, count);
  }
}

export const addLogs: AddCommand = (program, run) => {
  program
    .command('logs')
    .argument('[name]', "only this student's lines, with the output of their environment")
    .description('show the log, oldest line first (with --json: one object per line)')
    .option('-n, --lines <number>', 'how many lines', parseLineCount, 100)
    .option('-f, --follow', 'continue with new lines until Ctrl-C')
    .action(
      run(
        async (context: Context, name: string | undefined, options: { lines: number; follow?: boolean }) => {
          const showLine = context.json ? printJsonLine : show;
          let shown = await readLines(context, name ?? null, options.lines);
          shown.forEach(showLine);
          while (options.follow) {
            await sleep(FOLLOW_INTERVAL_MS);
            const now = await readLines(context, name ?? null, FOLLOW_LINES);
            newLines(shown, now).forEach(showLine);
            if (now.length > 0) shown = now;
          }
        },
      ),
    );
};
