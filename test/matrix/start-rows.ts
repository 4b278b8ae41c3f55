/** The rows of the start matrix: every way to start a server. */
import { ZSH_AS_SHELL } from './zsh.ts';

export interface StartRow {
  name: string;
  /** Typed at the prompt in ~/app; null if the server starts with the terminal itself. */
  typed: string | null;
  /** The folder in the home where it is typed, if not `app`. */
  folder?: string;
  /** A script that runs in the student's home before, and is not timed. */
  setup?: string;
  /** The server runs in the background: the shell is at its prompt, and shows messages at its next one. */
  isBackground?: true;
  /** What the page contains, if it is not the app's own page. */
  page?: RegExp;
  /** Typed next, in the shell that `typed` has started. */
  typedNext?: string;
  /** The server never listens: the link opens, closes again, and the terminal shows one line about it. */
  neverListens?: true;
  /** A shell without hooks. Leaving it is not reported, so the link closes after the grace period. */
  shell?: 'zsh';
  /** The terminal runs this command instead of a shell: there is no prompt, and there are no hooks. */
  command?: string;
}

const npmInstall = (name: string) => `npm install --global --no-audit --no-fund --loglevel=error ${name}`;
const VITE_PROJECT =
  'mkdir -p ~/vite && cd ~/vite && echo "<title>vite page</title>" > index.html && npm init -y';

/** The longest rows first, since students take the rows in this order. */
export const startRows: readonly StartRow[] = [
  {
    name: 'npx vite',
    typed: 'cd ~/vite && npx vite',
    setup: `${VITE_PROJECT} && npm install vite`,
    page: /vite page/,
  },
  {
    name: 'crash',
    typed: 'npm start',
    folder: 'bad',
    setup: 'cp -r app bad; rm bad/server.js',
    neverListens: true,
  },
  { name: 'typo: no such script', typed: 'npm run dev', folder: '.', neverListens: true },
  { name: 'pnpm dev', typed: 'pnpm dev', setup: npmInstall('pnpm') },
  { name: 'yarn dev', typed: 'yarn dev', setup: npmInstall('yarn') },
  { name: 'npm run dev', typed: 'npm run dev' },
  { name: 'npm start', typed: 'npm start' },
  { name: 'npm run dev &', typed: 'npm run dev &', isBackground: true },
  { name: 'cd app && npm run dev', typed: 'cd ~ && cd app && npm run dev' },
  { name: 'PORT=4000 npm run dev', typed: 'PORT=4000 npm run dev' },
  { name: 'npm run dev | tee log', typed: 'npm run dev | tee log' },
  { name: 'echo y | npm run dev', typed: 'echo y | npm run dev' },
  { name: 'npm run dev > log', typed: 'npm run dev > log' },
  { name: 'npm run dev -- --host', typed: 'npm run dev -- --host' },
  { name: '( npm run dev )', typed: '( npm run dev )' },
  { name: 'bash -c', typed: "bash -c 'npm run dev'" },
  { name: 'an alias', typed: 'dev', setup: `echo 'alias dev="npm run dev"' >> ~/.bashrc` },
  { name: 'a function', typed: 'dev', setup: `echo 'dev() { npm run dev; }' >> ~/.bashrc` },
  {
    name: 'a script',
    typed: './dev.sh',
    setup: 'cd ~/app && echo "npm run dev" > dev.sh && chmod +x dev.sh',
  },
  { name: 'a sourced file', typed: '. ./dev.sh', setup: 'echo "npm run dev" > ~/app/dev.sh' },
  { name: 'time npm run dev', typed: 'time npm run dev' },
  { name: 'in a for loop', typed: 'for i in 1; do npm run dev; done' },
  { name: 'behind if', typed: 'if [ -f server.js ]; then npm run dev; fi' },
  { name: 'x=$(npm run dev)', typed: 'x=$(npm run dev)' },
  { name: 'zsh as the shell', typed: 'npm run dev', setup: ZSH_AS_SHELL, shell: 'zsh' },
  { name: 'node server.js', typed: 'node server.js' },
  { name: 'node ./server.js', typed: 'node ./server.js' },
  { name: 'python3 -m http.server $PORT', typed: 'python3 -m http.server $PORT', page: /server\.js/ },
  { name: 'inside tmux', typed: 'tmux', typedNext: 'npm run dev' },
  { name: 'devenv shell NAME -- LINE', typed: null, command: 'cd ~/app && npm run dev' },
  { name: 'from ~/.bashrc', typed: null, setup: `echo '(cd ~/app; npm run dev)' >> ~/.bashrc` },
  { name: 'nohup npm run dev &', typed: 'nohup npm run dev &', isBackground: true },
  { name: 'setsid npm run dev &', typed: 'setsid npm run dev >log 2>&1 &', isBackground: true },
];
