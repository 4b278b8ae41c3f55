/** The command line: `devenv COMMAND …`. Each command has a module that adds it; this one parses, runs and exits. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type Problem, problemOf, systemCodeOf } from '../errors.ts';
import type { AddCommand, Run } from './command.ts';
import { addCompletion } from './completion.ts';
import { addConnect } from './connect.ts';
import { type Context, openContext } from './context.ts';
import { addCreate } from './create.ts';
import { addDoctor } from './doctor.ts';
import { addEgress } from './egress.ts';
import { addList } from './list.ts';
import { addLogs } from './logs.ts';
import { addOpenClose } from './open-close.ts';
import { reportProblem } from './output.ts';
import { addRm } from './rm.ts';
import { addShell } from './shell.ts';
import { addSshConfig } from './ssh-config.ts';
import { addStartStop } from './start-stop.ts';
import { addStatus } from './status.ts';
import { addSync } from './sync.ts';
import { addUpDown } from './up-down.ts';
import { addUpdate } from './update.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Words after `--` belong to the command inside the environment. */
const ownWords = process.argv.slice(2, process.argv.includes('--') ? process.argv.indexOf('--') : undefined);
const wantsJson = ownWords.includes('--json');

/** A reader that exits early (`devenv logs | head`) ends devenv quietly with 141 = 128 + SIGPIPE, like any program. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (systemCodeOf(error) === 'EPIPE') process.exit(141);
    const next = 'Free some space or redirect the output. The command itself may have succeeded.';
    process.exit(
      reportProblem(
        { code: 'internal', what: `The output could not be written: ${error.message}.`, next },
        false,
      ),
    );
  });
}

/** The first Ctrl-C cancels and waits for the rollback; the second exits at once, and the daemon rolls back alone. */
function cancelOnInterrupt(): AbortSignal {
  const cancelled = new AbortController();
  process.on('SIGINT', () => {
    if (cancelled.signal.aborted) process.exit(130);
    if (!wantsJson)
      process.stderr.write('\nCancelling and undoing what was started (Ctrl-C again to exit now).\n');
    cancelled.abort();
  });
  return cancelled.signal;
}

/** Any error as a problem. An AbortError means that Ctrl-C cancelled a wait. */
function toProblem(error: unknown): Problem {
  if (error instanceof Error && error.name === 'AbortError') {
    return {
      code: 'cancelled',
      what: 'Cancelled.',
      next: 'Nothing is left behind. Run the command again at any time.',
    };
  }
  return problemOf(error);
}

const run: Run =
  (body) =>
  async (...args) => {
    let context: Context | null = null;
    try {
      context = openContext(wantsJson, cancelOnInterrupt);
      const code = await body(context, ...(args as never[]));
      process.exitCode = typeof code === 'number' ? code : 0;
    } catch (error) {
      context?.progress.stop();
      process.exitCode = reportProblem(toProblem(error), wantsJson);
    }
    context?.progress.stop();
    // Open sockets or a terminal in raw mode must not keep a finished command running.
    await new Promise((resolve) => process.stdout.write('', resolve));
    process.exit();
  };

const program = new Command('devenv')
  .description(
    'A web-development classroom on one host: a container for each student, and a public link to their server.',
  )
  .version(version)
  .option('--json', 'print one JSON value: the result, or {"error": {code, what, next, until?}}')
  .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
  .showSuggestionAfterError(true)
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  devenv create alice           create a student; installs what is missing
  devenv shell alice            open a shell in the environment; then type npm run dev
  devenv list                   list students and the state of their links
  devenv rm alice --keep-home   remove the student, keep the home

Exit codes: 0 done; 1 failed; 2 wrong request, nothing was changed; 130 cancelled.
shell returns the exit code of the command inside.

Settings: devenv.yaml in the state folder, or environment variables; see docs/configuration.md.`,
  );

const commands: AddCommand[] = [
  addCreate,
  addList,
  addStatus,
  addShell,
  addConnect,
  addSshConfig,
  addOpenClose,
  addStartStop,
  addEgress,
  addRm,
  addLogs,
  addUpDown,
  addUpdate,
  addSync,
  addDoctor,
  addCompletion,
];
for (const add of commands) add(program, run);
for (const command of program.commands) command.exitOverride().option('--json', 'print one JSON value');
if (wantsJson) {
  const quiet = { writeErr: () => {} };
  for (const command of [program, ...program.commands]) command.configureOutput(quiet);
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version exit with 0. Everything else that commander refuses is a wrong request.
  if (error.exitCode === 0) process.exit(0);
  if (wantsJson) {
    const what =
      error.code === 'commander.help' ? 'No command was given.' : error.message.replace(/^error: /, '');
    reportProblem({ code: 'bad-input', what, next: '`devenv --help` lists the commands and options.' }, true);
  }
  process.exit(2);
}
