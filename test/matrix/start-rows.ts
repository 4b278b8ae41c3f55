/** Every way in which students start a server: the link is live, says so once, and is gone when they leave. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';
import {
  AT_ONCE,
  type ClassroomStudent,
  type MatrixResult,
  runRows,
  TIMES,
  withClassroom,
} from './classroom.ts';
import { unpackZsh, ZSH_AS_SHELL } from './zsh.ts';

interface Way {
  how: string;
  /** What is typed at the prompt, in ~/app; null: it starts with the terminal itself. */
  type: string | null;
  /** Another folder than ~/app. */
  folder?: string;
  /** Done before, and not timed: a script in the student's home. */
  before?: string;
  /** The server runs in the background: the shell is at its prompt again, and tells at the next one. */
  background?: true;
  /** What the page holds, where it is not the app's own. */
  page?: RegExp;
  /** Typed then, in the shell that it opened. */
  inside?: string;
  /** It never listens: what was opened for it is closed again, with one line. */
  fails?: true;
  /** The shell of the terminal. It has no hooks, so nobody is told that it is left: the link goes after the grace. */
  shell?: 'zsh';
  /** What the terminal runs instead of a shell that waits for lines: no prompt and no hooks either. */
  alone?: string;
}

const npm = (name: string) => `npm install --global --no-audit --no-fund --loglevel=error ${name}`;
const VITE = 'mkdir -p ~/vite && cd ~/vite && echo "<title>vite page</title>" > index.html && npm init -y';

/** The longest first: they are spread over the students in this order. */
export const startRows: Way[] = [
  {
    how: 'npx vite',
    type: 'cd ~/vite && npx vite',
    before: `${VITE} && npm install vite`,
    page: /vite page/,
  },
  { how: 'crash', type: 'npm start', folder: 'bad', before: 'cp -r app bad; rm bad/server.js', fails: true },
  { how: 'typo: no such script', type: 'npm run dev', folder: '.', fails: true },
  { how: 'pnpm dev', type: 'pnpm dev', before: npm('pnpm') },
  { how: 'yarn dev', type: 'yarn dev', before: npm('yarn') },
  { how: 'npm run dev', type: 'npm run dev' },
  { how: 'npm start', type: 'npm start' },
  { how: 'npm run dev &', type: 'npm run dev &', background: true },
  { how: 'cd app && npm run dev', type: 'cd ~ && cd app && npm run dev' },
  { how: 'PORT=4000 npm run dev', type: 'PORT=4000 npm run dev' },
  { how: 'npm run dev | tee log', type: 'npm run dev | tee log' },
  { how: 'echo y | npm run dev', type: 'echo y | npm run dev' },
  { how: 'npm run dev > log', type: 'npm run dev > log' },
  { how: 'npm run dev -- --host', type: 'npm run dev -- --host' },
  { how: '( npm run dev )', type: '( npm run dev )' },
  { how: 'bash -c', type: "bash -c 'npm run dev'" },
  { how: 'an alias', type: 'dev', before: `echo 'alias dev="npm run dev"' >> ~/.bashrc` },
  { how: 'a function', type: 'dev', before: `echo 'dev() { npm run dev; }' >> ~/.bashrc` },
  { how: 'a script', type: './dev.sh', before: 'cd ~/app && echo "npm run dev" > dev.sh && chmod +x dev.sh' },
  { how: 'a sourced file', type: '. ./dev.sh', before: 'echo "npm run dev" > ~/app/dev.sh' },
  { how: 'time npm run dev', type: 'time npm run dev' },
  { how: 'in a for loop', type: 'for i in 1; do npm run dev; done' },
  { how: 'behind if', type: 'if [ -f server.js ]; then npm run dev; fi' },
  { how: 'x=$(npm run dev)', type: 'x=$(npm run dev)' },
  { how: 'zsh as the shell', type: 'npm run dev', before: ZSH_AS_SHELL, shell: 'zsh' },
  { how: 'node server.js', type: 'node server.js' },
  { how: 'node ./server.js', type: 'node ./server.js' },
  { how: 'python3 -m http.server $PORT', type: 'python3 -m http.server $PORT', page: /server\.js/ },
  { how: 'inside tmux', type: 'tmux', inside: 'npm run dev' },
  { how: 'devenv shell NAME -- LINE', type: null, alone: 'cd ~/app && npm run dev' },
  { how: 'from ~/.bashrc', type: null, before: `echo '(cd ~/app; npm run dev)' >> ~/.bashrc` },
  { how: 'nohup npm run dev &', type: 'nohup npm run dev &', background: true },
  { how: 'setsid npm run dev &', type: 'setsid npm run dev >log 2>&1 &', background: true },
];

/** Ends what runs and the shells, innermost first; returns when the last `exit` was typed. */
async function leave(terminal: Terminal, way: Way): Promise<number> {
  if (way.alone) {
    terminal.type('\x03');
    return performance.now();
  }
  if (!way.background) {
    terminal.type('\x03');
    await terminal.see(/\$ +$/m);
  }
  if (way.inside) {
    terminal.type('exit\r');
    await terminal.see(/exit\]?[^$]*\$ $/);
  }
  terminal.type('exit\r');
  return performance.now();
}

async function fail(way: Way, student: ClassroomStudent, terminal: Terminal): Promise<MatrixResult> {
  terminal.type(`${way.type}\r`);
  const typed = performance.now();
  // It is opened, with the waiting page, as soon as it is typed.
  await waitFor('the waiting page', async () => (await student.status()) === 503);
  await terminal.see(/\$ $/);
  const gone = await student.untilGone(typed);
  const faults: string[] = [];
  if (gone < TIMES.starting - 2) faults.push(`it was gone after ${gone.toFixed(1)} s already`);
  // The line waits for the prompt.
  const isSaid = () => {
    terminal.type('\r');
    return terminal.text.includes('nothing listened within');
  };
  await waitFor('the line', isSaid, { everyMs: 300 });
  await terminal.run('true');
  if (terminal.text.match(/nothing listened within/g)?.length !== 1) faults.push('not exactly one line');
  if (terminal.text.includes('live at')) faults.push('it was told to be live');
  terminal.type('exit\r');
  await terminal.ended;
  return { how: way.how, live: null, gone, faults };
}

async function start(way: Way, student: ClassroomStudent): Promise<MatrixResult> {
  if (way.before) await student.inside(way.before);
  const wallClock = Date.now();
  let typed = performance.now();
  const command = way.alone ? ['--', way.alone] : [];
  const terminal = way.type === null ? student.terminal({}, ...command) : await student.open();
  if (way.type !== null) {
    await terminal.run(`cd ~/${way.folder ?? 'app'}`);
    if (way.fails) return fail(way, student, terminal);
    typed = performance.now();
    terminal.type(`${way.type}\r`);
  }
  if (way.inside) {
    // Below the prompt stands tmux's status line, which is drawn again with each minute.
    await terminal.see(/\$ +$/m);
    typed = performance.now();
    terminal.type(`${way.inside}\r`);
  }
  const isRight = (body: string) =>
    way.page ? way.page.test(body) : Number(body.match(/, started (\d+)/)?.[1]) >= wallClock;
  const live = await student.untilPage(isRight, typed);
  const faults: string[] = [];
  const isSaid = () => {
    // At its prompt, the shell tells at the next one.
    if (way.background) terminal.type('\r');
    return terminal.text.includes('live at');
  };
  await waitFor('the line', isSaid, { everyMs: 300 }).catch(() => faults.push('it did not say so'));
  const left = await leave(terminal, way);
  const gone = await student.untilGone(left);
  const said = terminal.text.match(/live at/g)?.length ?? 0;
  if (said > 1) faults.push(`it said so ${said} times`);
  if (gone > (way.shell || way.alone ? TIMES.grace + 10 : AT_ONCE))
    faults.push(`it was gone after ${gone.toFixed(1)} s only`);
  await terminal.ended;
  return { how: way.how, live, gone, faults };
}

/** Runs the ways whose name holds `only`. */
export async function runStarting(only = ''): Promise<MatrixResult[]> {
  const ways = startRows.filter(({ how }) => how.includes(only));
  if (ways.length === 0) return [];
  const zsh = ways.some(({ shell }) => shell === 'zsh') ? unpackZsh() : null;
  try {
    return await withClassroom({ students: Math.min(4, ways.length) }, (students) => {
      if (zsh !== null) for (const student of students) student.place(zsh);
      return runRows(ways, students, start);
    });
  } finally {
    if (zsh !== null) rmSync(dirname(zsh), { recursive: true });
  }
}
