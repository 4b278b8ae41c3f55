/** Every way in which students leave: the link is gone when design.md's table says, and stays where it says so. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';
import {
  AT_ONCE,
  type ClassroomStudent,
  endsSoon,
  type MatrixResult,
  runRows,
  TIMES,
  withClassroom,
} from './classroom.ts';
import { rebootEngine } from './engine-restart.ts';

interface Scene {
  student: ClassroomStudent;
  terminal: Terminal;
  /** Pid of the session's leader, in the container. */
  shell: string;
}

/** How long after leaving the link is to be gone; `stays`: it is none of the ends of a session. */
type When = 'at once' | 'after the grace' | 'stays';

interface Way {
  how: string;
  when: When;
  /** Typed before the server is started: the shell that is left. */
  enter?: string;
  /** Does it; the clock runs from its return, or from the time that it resolves to, in ms since 1970. */
  leave(scene: Scene): Promise<unknown> | unknown;
}

const docker = (...args: string[]) => promisify(execFile)('docker', args);
const type = (keys: string) => (scene: Scene) => scene.terminal.type(keys);
const inside = (script: (shell: string) => string) => async (scene: Scene) =>
  Number(await scene.student.inside(`date +%s%3N; ${script(scene.shell)}`));
/** The client on the host is ended by a signal: its container is told nothing. */
const client = (signal: NodeJS.Signals) => (scene: Scene) => process.kill(scene.terminal.pid, signal);
const engine = (deed: string) => (scene: Scene) => docker(deed, scene.student.container);
/** Takes more memory than there is, as the session's leader: the kernel's choice is clear. */
const HUNGRY = 'const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1))';

const leavingWays: Way[] = [
  { how: 'exit', when: 'at once', leave: type('exit\r') },
  { how: 'Ctrl-D', when: 'at once', leave: type('\x04') },
  { how: 'exit 3', when: 'at once', leave: type('exit 3\r') },
  { how: 'logout', when: 'at once', leave: type('logout\r') },
  { how: 'set -e and a failure', when: 'at once', leave: type('set -e; false\r') },
  { how: 'exit, own DEBUG trap', when: 'at once', enter: 'trap : DEBUG', leave: type('exit\r') },
  { how: 'exit, own EXIT trap', when: 'after the grace', enter: 'trap : EXIT', leave: type('exit\r') },
  { how: 'terminal closed (SIGHUP)', when: 'after the grace', leave: client('SIGHUP') },
  {
    // The shell lives on, without a terminal: so does what it runs.
    how: 'HUP ignored, terminal closed',
    when: 'after the grace',
    enter: "trap '' HUP",
    leave: async ({ student, terminal, shell }) => {
      terminal.type('sleep 1000\r');
      await waitFor('sleep to run', async () => (await student.inside('pgrep -cx sleep || :')) === '1');
      process.kill(terminal.pid, 'SIGHUP');
      await waitFor(
        'the shell to live on without a terminal',
        async () => (await student.inside(`awk '{ print $7 }' /proc/${shell}/stat`)) === '0',
      );
    },
  },
  { how: 'lost connection (kill -9)', when: 'after the grace', leave: client('SIGKILL') },
  { how: 'kill -9 of the shell', when: 'after the grace', leave: inside((shell) => `kill -9 ${shell}`) },
  // Its terminal is still there, so nobody has lost it.
  { how: 'kill -HUP of the shell', when: 'at once', leave: inside((shell) => `kill -HUP ${shell}`) },
  { how: 'exec true', when: 'after the grace', leave: type('exec true\r') },
  {
    how: 'bash --norc: exit',
    when: 'after the grace',
    enter: 'exec bash --norc',
    leave: type('exit\r'),
  },
  { how: 'sh -i: exit', when: 'after the grace', enter: 'exec sh -i', leave: type('exit\r') },
  {
    how: 'a renamed shell: exit',
    when: 'after the grace',
    enter: 'cp /bin/bash ~/fish; exec ~/fish --norc',
    leave: type('exit\r'),
  },
  { how: 'exec bash: exit', when: 'at once', enter: 'exec bash', leave: type('exit\r') },
  {
    how: 'detached tmux pane serves: exit',
    when: 'at once',
    enter: "tmux new -d -s work 'sleep 1000'",
    leave: type('exit\r'),
  },
  {
    how: 'attached tmux, connection lost',
    when: 'after the grace',
    enter: 'exec tmux new -s work',
    leave: client('SIGKILL'),
  },
  { how: 'attached tmux: stays', when: 'stays', enter: 'tmux new -s work', leave: () => undefined },
  { how: 'nested bash: exit', when: 'stays', enter: 'bash', leave: type('exit\r') },
  { how: 'Ctrl-C at the prompt', when: 'stays', leave: type('\x03') },
  { how: 'hooks killed: PROMPT_COMMAND=()', when: 'stays', leave: type('PROMPT_COMMAND=(); trap - DEBUG\r') },
  {
    how: 'one of two terminals: exit',
    when: 'stays',
    leave: async ({ student, terminal }) => {
      await student.open();
      terminal.type('exit\r');
    },
  },
  { how: 'docker stop', when: 'at once', leave: engine('stop') },
  { how: 'docker kill', when: 'at once', leave: engine('kill') },
  {
    how: 'devenv stop',
    when: 'at once',
    leave: ({ student }) => student.devenv.succeed('stop', student.name),
  },
  {
    how: 'OOM killer',
    when: 'after the grace',
    leave: async ({ student, terminal, shell }) => {
      // Looked for from inside: where memory is short, it takes long to get in.
      const watch = `while [ -e /proc/${shell} ]; do sleep 0.05; done; date +%s%3N >/tmp/killed`;
      await student.inside(`(${watch}) >/dev/null 2>&1 &`);
      terminal.type(`exec node -e '${HUNGRY}'\r`);
      const killedAt = () => student.inside('cat /tmp/killed 2>/dev/null || :');
      return Number(await waitFor('the shell to be killed', async () => (await killedAt()) || null));
    },
  },
];

/** What is wrong with the time until gone, by the design's table. */
function faultOf(when: When, gone: number | null): string[] {
  const early = TIMES.grace - 1;
  if (when === 'stays') return gone === null ? [] : [`it was gone after ${gone.toFixed(1)} s`];
  if (gone === null) return ['it stayed'];
  if (when === 'at once') return gone < AT_ONCE ? [] : [`it was gone after ${gone.toFixed(1)} s only`];
  if (gone < early) return [`it was gone after ${gone.toFixed(1)} s, before the grace was over`];
  return gone < TIMES.grace + 10 ? [] : [`it was gone after ${gone.toFixed(1)} s only`];
}

/** Null where it is still there after twice the grace. */
async function goneWithin(student: ClassroomStudent, since: number, when: When): Promise<number | null> {
  if (when !== 'stays') return student.untilGone(since);
  const until = since + TIMES.grace * 1000 + 2000;
  while (performance.now() < until) {
    if ((await student.status()) === 404) return (performance.now() - since) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}

async function leave(way: Way, student: ClassroomStudent): Promise<MatrixResult> {
  const terminal = await student.open();
  if (way.enter) {
    terminal.type(`${way.enter}\r`);
    // Below the prompt of a tmux stands its status line.
    await terminal.see(/[$>] +$/m);
  }
  const started = performance.now();
  const wallClock = Date.now();
  // In a session of its own, so that it outlives its terminal: only the session decides.
  terminal.type('cd ~/app; setsid node server.js >/dev/null 2>&1 &\r');
  const live = await student.untilPage(
    (body) => Number(body.match(/started (\d+)/)?.[1]) >= wallClock,
    started,
  );
  const shell = await student.inside(
    // The session's leader is the child of sshd that has a terminal.
    `ps -eo pid=,ppid=,comm= | awk '$3 ~ /^sshd/ {s[$1]=1} {p[$1]=$2} END {for (i in p) if (p[i] in s && !(i in s)) print i}'`,
  );
  const at = await way.leave({ student, terminal, shell });
  const since = performance.now() - (typeof at === 'number' ? Date.now() - at : 0);
  const gone = await goneWithin(student, since, way.when);
  const faults = faultOf(way.when, gone);
  // Nobody is left before a dead terminal.
  if (gone !== null && !(await endsSoon(terminal))) faults.push('`devenv shell` has not ended');
  return { how: way.how, live, gone, faults };
}

const REBOOT = 'reboot of the engine';

/** Runs the ways whose name holds `only`. */
export async function runLeaving(only = ''): Promise<MatrixResult[]> {
  const ways = leavingWays.filter(({ how }) => how.includes(only));
  const outcomes =
    ways.length === 0
      ? []
      : await withClassroom({ students: Math.min(4, ways.length) }, (students) =>
          runRows(ways, students, leave),
        );
  return REBOOT.includes(only) ? [...outcomes, await rebootEngine(REBOOT)] : outcomes;
}

/** The names of all rows. */
export const leaveRowNames = [...leavingWays.map(({ how }) => how), REBOOT];
