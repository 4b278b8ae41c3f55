/** The command line: `devenv COMMAND …`. Each command is a file that adds itself; this one runs them and ends well. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type Problem, problemOf, systemCodeOf } from '../errors.ts';
import type { AddCommand, Run } from './command.ts';
import { addCompletion } from './completion.ts';
import { addConnect } from './connect.ts';
import { type Context, openContext } from './context.ts';
import { addCreate } from './create.ts';
import { addDoctor } from './doctor.ts';
import { addList } from './list.ts';
import { addLogs } from './logs.ts';
import { addRoute } from './open-close.ts';
import { reportProblem } from './output.ts';
import { addRm } from './rm.ts';
import { addShell } from './shell.ts';
import { addSshConfig } from './ssh-config.ts';
import { addEnvironment } from './start-stop.ts';
import { addStatus } from './status.ts';
import { addSync } from './sync.ts';
import { addOrchestrator } from './up-down.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** What stands behind `--` is a command for the environment, not for us. */
const ownWords = process.argv.slice(2, process.argv.includes('--') ? process.argv.indexOf('--') : undefined);
const wantsJson = ownWords.includes('--json');

/** A reader that goes early (`devenv logs | head`) ends us as it ends any program: quietly, with SIGPIPE's 128 + 13. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (systemCodeOf(error) === 'EPIPE') process.exit(141);
    const next = 'Make room, or send it elsewhere; what was asked for may be done all the same.';
    process.exit(
      reportProblem(
        { code: 'internal', what: `The output can't be written: ${error.message}.`, next },
        false,
      ),
    );
  });
}

/** The first Ctrl-C cancels, and what was begun is undone; the second ends at once (the daemon undoes it then). */
function cancelOnInterrupt(): AbortSignal {
  const cancelled = new AbortController();
  process.on('SIGINT', () => {
    if (cancelled.signal.aborted) process.exit(130);
    if (!wantsJson)
      process.stderr.write('\nCancelling: what was begun is being undone (Ctrl-C again to leave at once).\n');
    cancelled.abort();
  });
  return cancelled.signal;
}

/** An aborted wait, in words. */
function toProblem(error: unknown): Problem {
  if (error instanceof Error && error.name === 'AbortError') {
    return {
      code: 'cancelled',
      what: 'Cancelled.',
      next: 'Nothing is left behind; run it again at any time.',
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
    // A hung-up socket or a terminal in raw mode must not keep a finished command alive.
    await new Promise((resolve) => process.stdout.write('', resolve));
    process.exit();
  };

const program = new Command('devenv')
  .description(
    'A web-development classroom on one host: a container for each student, and a public link while they use it.',
  )
  .version(version)
  .option('--json', 'print one JSON value: the result, or {"error": {code, what, next}}')
  .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
  .showSuggestionAfterError(true)
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  devenv create alice           a student, from nothing: installs what is missing, says so
  devenv shell alice            a terminal in there; type npm run dev
  devenv list                   who there is, and whose link is open
  devenv rm alice --keep-home   removes the student, keeps the work

Exit codes: 0 done; 1 failed; 2 the request was wrong, nothing was touched; 130 cancelled.
shell passes on the exit code of what ran inside.

Settings: devenv.yaml in the state folder, or environment variables; see docs/configuration.md.`,
  );

const commands: AddCommand[] = [
  addCreate,
  addList,
  addStatus,
  addShell,
  addConnect,
  addSshConfig,
  addRoute,
  addEnvironment,
  addRm,
  addLogs,
  addOrchestrator,
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
  // Help and version end with 0; everything else commander refuses is a wrong request.
  if (error.exitCode === 0) process.exit(0);
  if (wantsJson) {
    const what =
      error.code === 'commander.help' ? 'No command was given.' : error.message.replace(/^error: /, '');
    reportProblem({ code: 'bad-input', what, next: '`devenv --help` lists the commands and options.' }, true);
  }
  process.exit(2);
}
