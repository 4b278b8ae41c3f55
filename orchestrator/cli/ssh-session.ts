/** An SSH client over an environment's pipe: a login shell on the user's terminal, or one command. */
import { readFileSync } from 'node:fs';
import ssh2, { type ClientChannel } from 'ssh2';
import type { AccessInfo } from '../domain.ts';
import { privateKeyPath } from '../environments/index.ts';
import { DevenvError, messageOf } from '../errors.ts';
import { openExecPipe } from './exec-pipe.ts';

/** Variables of the user's terminal that the shell inside gets. */
const PASSED_VARIABLES = ['COLORTERM', 'DEVENV_QUIET'];

const READY_TIMEOUT_MS = 15_000;

/** POSIX numbers of signals that end programs. A shell reports them as 128 + number. */
const SIGNALS: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  TERM: 15,
};

/** Reads and checks the installation's key before any connection is opened. Throws `environment`. */
function privateKeyOf(stateDir: string): Buffer {
  const path = privateKeyPath(stateDir);
  try {
    const text = readFileSync(path);
    const key = ssh2.utils.parseKey(text);
    if (key instanceof Error) throw key;
    return text;
  } catch (error) {
    throw new DevenvError(
      {
        code: 'environment',
        what: `The SSH key for the environments can't be read: ${path}: ${messageOf(error)}`,
        next: 'Repair the key and the environment: devenv restart NAME',
      },
      { cause: error },
    );
  }
}

async function connect(access: AccessInfo, stateDir: string): Promise<ssh2.Client> {
  const privateKey = privateKeyOf(stateDir);
  const sock = await openExecPipe(access);
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(client));
    client.once('error', (error) =>
      reject(
        new DevenvError(
          {
            code: 'environment',
            what: `The environment's SSH server refused the connection: ${error.message}`,
            next: 'Restart the environment: devenv restart NAME. Check the engine: devenv doctor',
          },
          { cause: error },
        ),
      ),
    );
    client.connect({
      sock,
      username: 'student',
      privateKey,
      // The engine's pipe connects to that container only, so its host key need not prove anything.
      hostVerifier: () => true,
      readyTimeout: READY_TIMEOUT_MS,
    });
  });
}

interface Session {
  channel: ClientChannel;
  /** The exit code, once the channel has closed. */
  ended: Promise<number>;
}

/** Listens at once: the exit code of a short command can arrive in the packet that opens the channel. */
function follow(channel: ClientChannel): Session {
  // A lost connection sends no exit code; ssh uses 255 then.
  let code = 255;
  channel.on('exit', (exitCode: number | null, signal?: string) => {
    code = exitCode ?? 128 + (SIGNALS[signal?.replace(/^SIG/, '') ?? ''] ?? 1);
  });
  return { channel, ended: new Promise((resolve) => channel.once('close', () => resolve(code))) };
}

/** The terminal's size. 80x24 where it has none: a shell on 0 columns cannot show what is typed. */
const windowSize = () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 });

function open(client: ssh2.Client, command: string | null): Promise<Session> {
  const env = Object.fromEntries(
    PASSED_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { columns, rows } = windowSize();
  const pty = { term: process.env.TERM ?? 'xterm', cols: columns, rows, width: 0, height: 0 };
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  return new Promise((resolve, reject) => {
    const opened = (error: Error | undefined, channel: ClientChannel) =>
      error ? reject(error) : resolve(follow(channel));
    if (command === null) client.shell(isTerminal ? pty : false, { env }, opened);
    else client.exec(command, isTerminal ? { env, pty } : { env }, opened);
  });
}

/** Runs a login shell or one command. Resolves to its exit code once all its output is written. */
export async function runSession(
  access: AccessInfo,
  stateDir: string,
  command: string | null,
): Promise<number> {
  const client = await connect(access, stateDir);
  const { channel, ended } = await open(client, command);
  const { stdin, stdout, stderr } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY;
  if (isTerminal) stdin.setRawMode(true);
  const resize = () => {
    const { columns, rows } = windowSize();
    channel.setWindow(rows, columns, 0, 0);
  };
  stdout.on('resize', resize);
  try {
    const failed = new Promise<never>((_resolve, reject) => client.once('error', reject));
    channel.pipe(stdout, { end: false });
    channel.stderr.pipe(stderr, { end: false });
    stdin.pipe(channel);
    return await Promise.race([ended, failed]);
  } finally {
    stdout.off('resize', resize);
    if (isTerminal) stdin.setRawMode(false);
    stdin.unpipe();
    client.end();
  }
}
