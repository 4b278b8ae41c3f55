/** The rows of the leave matrix: every way to leave a terminal, and when the link must close. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';
import type { ClassroomStudent } from './classroom-student.ts';

export interface LeaveScene {
  student: ClassroomStudent;
  terminal: Terminal;
  /** Pid of the session's leader in the container. */
  shell: string;
}

/** When the link must close. `never`: what the row does is not the end of the last session. */
export type LinkCloses = 'at once' | 'after the grace period' | 'never';

export interface LeaveRow {
  name: string;
  linkCloses: LinkCloses;
  /** Typed at the first prompt, to enter the shell that the student leaves. */
  enter?: string;
  /** Leaves. Time counts from its return, or from the time that it resolves to, in ms since 1970. */
  leave(scene: LeaveScene): Promise<unknown> | unknown;
}

const runDocker = (...args: string[]) => promisify(execFile)('docker', args);
const type = (keys: string) => (scene: LeaveScene) => scene.terminal.type(keys);
const inContainer = (script: (shell: string) => string) => async (scene: LeaveScene) =>
  Number(await scene.student.runScript(`date +%s%3N; ${script(scene.shell)}`));
/** A signal ends the client on the host; nothing in the container is notified. */
const client = (signal: NodeJS.Signals) => (scene: LeaveScene) => process.kill(scene.terminal.pid, signal);
const docker = (command: string) => (scene: LeaveScene) => runDocker(command, scene.student.container);
/** Uses up the memory. It runs as the session's leader, so that the OOM killer chooses that process. */
const EAT_MEMORY = 'const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1))';

export const leaveRows: readonly LeaveRow[] = [
  { name: 'exit', linkCloses: 'at once', leave: type('exit\r') },
  { name: 'Ctrl-D', linkCloses: 'at once', leave: type('\x04') },
  { name: 'exit 3', linkCloses: 'at once', leave: type('exit 3\r') },
  { name: 'logout', linkCloses: 'at once', leave: type('logout\r') },
  { name: 'set -e and a failure', linkCloses: 'at once', leave: type('set -e; false\r') },
  { name: 'exit, own DEBUG trap', linkCloses: 'at once', enter: 'trap : DEBUG', leave: type('exit\r') },
  {
    name: 'exit, own EXIT trap',
    linkCloses: 'after the grace period',
    enter: 'trap : EXIT',
    leave: type('exit\r'),
  },
  { name: 'terminal closed (SIGHUP)', linkCloses: 'after the grace period', leave: client('SIGHUP') },
  {
    // The shell and its programs survive without a terminal.
    name: 'HUP ignored, terminal closed',
    linkCloses: 'after the grace period',
    enter: "trap '' HUP",
    leave: async ({ student, terminal, shell }) => {
      terminal.type('sleep 1000\r');
      await waitFor('sleep to run', async () => (await student.runScript('pgrep -cx sleep || :')) === '1');
      process.kill(terminal.pid, 'SIGHUP');
      await waitFor(
        'the shell to have lost its terminal',
        async () => (await student.runScript(`awk '{ print $7 }' /proc/${shell}/stat`)) === '0',
      );
    },
  },
  { name: 'lost connection (kill -9)', linkCloses: 'after the grace period', leave: client('SIGKILL') },
  {
    name: 'kill -9 of the shell',
    linkCloses: 'after the grace period',
    leave: inContainer((shell) => `kill -9 ${shell}`),
  },
  // The terminal still exists, so this is not a lost session.
  {
    name: 'kill -HUP of the shell',
    linkCloses: 'at once',
    leave: inContainer((shell) => `kill -HUP ${shell}`),
  },
  { name: 'exec true', linkCloses: 'after the grace period', leave: type('exec true\r') },
  {
    name: 'bash --norc: exit',
    linkCloses: 'after the grace period',
    enter: 'exec bash --norc',
    leave: type('exit\r'),
  },
  { name: 'sh -i: exit', linkCloses: 'after the grace period', enter: 'exec sh -i', leave: type('exit\r') },
  {
    name: 'a renamed shell: exit',
    linkCloses: 'after the grace period',
    enter: 'cp /bin/bash ~/fish; exec ~/fish --norc',
    leave: type('exit\r'),
  },
  { name: 'exec bash: exit', linkCloses: 'at once', enter: 'exec bash', leave: type('exit\r') },
  {
    name: 'detached tmux pane serves: exit',
    linkCloses: 'at once',
    enter: "tmux new -d -s work 'sleep 1000'",
    leave: type('exit\r'),
  },
  {
    name: 'attached tmux, connection lost',
    linkCloses: 'after the grace period',
    enter: 'exec tmux new -s work',
    leave: client('SIGKILL'),
  },
  { name: 'attached tmux stays', linkCloses: 'never', enter: 'tmux new -s work', leave: () => undefined },
  { name: 'nested bash: exit', linkCloses: 'never', enter: 'bash', leave: type('exit\r') },
  { name: 'Ctrl-C at the prompt', linkCloses: 'never', leave: type('\x03') },
  {
    name: 'hooks removed: PROMPT_COMMAND=()',
    linkCloses: 'never',
    leave: type('PROMPT_COMMAND=(); trap - DEBUG\r'),
  },
  {
    name: 'one of two terminals: exit',
    linkCloses: 'never',
    leave: async ({ student, terminal }) => {
      await student.openTerminal();
      terminal.type('exit\r');
    },
  },
  { name: 'docker stop', linkCloses: 'at once', leave: docker('stop') },
  { name: 'docker kill', linkCloses: 'at once', leave: docker('kill') },
  {
    name: 'devenv stop',
    linkCloses: 'at once',
    leave: ({ student }) => student.devenv.succeed('stop', student.name),
  },
  {
    name: 'OOM killer',
    linkCloses: 'after the grace period',
    leave: async ({ student, terminal, shell }) => {
      // A watcher inside notes the time, because a `docker exec` takes long when memory is short.
      const watch = `while [ -e /proc/${shell} ]; do sleep 0.05; done; date +%s%3N >/tmp/killed`;
      await student.runScript(`(${watch}) >/dev/null 2>&1 &`);
      terminal.type(`exec node -e '${EAT_MEMORY}'\r`);
      const killedAt = () => student.runScript('cat /tmp/killed 2>/dev/null || :');
      return Number(await waitFor('the shell to be killed', async () => (await killedAt()) || null));
    },
  },
];
