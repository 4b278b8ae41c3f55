/** Shell options that a student turns on and off must neither show the hooks nor export their variables. */
import type { BareContainer } from '../../support/bare-container.ts';
import { hookedContainer, PROMPT, startPair, typeAll } from '../../support/hooked-shells.ts';
import type { Terminal } from '../../support/terminal.ts';

let withHooks: BareContainer;
let without: BareContainer;

beforeAll(async () => {
  [withHooks, without] = await startPair();
});

afterAll(async () => {
  await withHooks?.remove();
  await without?.remove();
});

async function open(container: BareContainer, ...command: string[]): Promise<Terminal> {
  const terminal = container.terminal(['env', 'TERM=dumb', ...(command.length > 0 ? command : ['bash'])], {
    columns: 200,
  });
  await terminal.see(/\$ $/);
  await terminal.run(PROMPT);
  await terminal.see(/> $/);
  return terminal;
}

/** What the terminal shows while the lines are typed, and the shell's exit code. */
async function transcript(terminal: Terminal, lines: readonly string[]): Promise<string> {
  const { text, code } = await typeAll(terminal, lines);
  return `${text}\nexit code ${code}`;
}

/** Prints the names of exported variables (except bash's own $_), and of those that a program gets. */
const names = 'exported=" $(echo $(compgen -e)) "; echo "${exported/ _ / }"; bash -c \'echo $(compgen -e)\'';

test.each<[string, string[]]>([
  ['set -v and its end', ['set -v', 'echo one', 'true; echo two', '', 'set +v', 'echo three', 'echo four']],
  ['set -o verbose', ['set -o verbose', 'echo one', 'echo two']],
  ['set -ev', ['set -ev', 'echo one', 'set +ev', 'echo two', 'set -v', 'echo three']],
  ['set -v with an own EXIT trap', ["trap 'echo bye' EXIT", 'set -v', 'echo one', 'set +v', 'trap']],
  [
    // A tool that extends a trap: it contains the hooks' trap, but belongs to the student.
    'set -v with an own EXIT trap that ends with ours',
    [
      "trap 'echo bye; if declare -F __devenv_on_exit; then __devenv_on_exit; fi >/dev/null' EXIT",
      'set -v',
      'set +v',
      'echo one',
    ],
  ],
  ['posix, set -v and its end', ['set -o posix', 'set -v', 'echo one', 'set +v', 'echo two', 'echo three']],
  ['posix and many flags', ['set -o posix', 'set -aemuxBCEHTP', 'set +ex', 'echo one', 'echo two']],
  ['set -a around variables for a program', ['set -a', 'MINE=1', 'set +a', names, 'echo more', names]],
  ['set -a, and subshells', ['set -a', `( ${names} )`, `for i in 1; do ${names}; done`]],
  ['set -a while the hooks are sourced again', ['set -a', '. /etc/bash.bashrc; PS1="> "', 'set +a', names]],
  [
    'set -r',
    ['set -r', 'echo one', 'true | false; echo "$? ${PIPESTATUS[*]}"', 'cd /', 'set -v', 'echo two'],
  ],
])('%s: the same output with and without hooks', async (_name, lines) => {
  const [mine, plain] = await Promise.all(
    [withHooks, without].map(async (container) => transcript(await open(container), lines)),
  );
  expect(mine).toBe(plain);
  expect(plain).toContain('exit code 6');
});

test.each(['bash -r', 'rbash'])('%s: the same output with and without hooks', async (shell) => {
  const start = ['sh', '-c', `ln -sf /bin/bash ~/rbash; PATH=$PATH:$HOME; exec ${shell}`];
  const [mine, plain] = await Promise.all(
    [withHooks, without].map(async (container) =>
      transcript(await open(container, ...start), ['echo one', 'echo two >/tmp/x', 'echo three']),
    ),
  );
  expect(mine).toBe(plain);
  expect(plain).toContain('restricted');
});

test.each(['-v', '-r'])('%s that a script turns on shows the hooks once, and no more', async (option) => {
  withHooks.run(`echo 'set ${option}' >/tmp/option`);
  const terminal = await open(withHooks);
  terminal.type('. /tmp/option\r');
  await terminal.see(/> $/);
  const later = await transcript(terminal, ['echo one', 'echo two', 'echo comp: ${COMP_LINE-none}']);
  expect(later).not.toMatch(/__devenv|\/dev\/null/);
  expect(later).toContain('comp: none');
});

test('after `set +v` messages and records work as before', async () => {
  const container = await hookedContainer();
  try {
    const terminal = container.terminal(['bash']);
    await terminal.see(/\$ $/);
    const pid = await terminal.run('echo $$');
    const record = () => container.run(`cat /run/devenv/shells/${pid}`).trim();
    terminal.type('set -v\r');
    await terminal.see(/\$ $/);
    container.run(`echo "a word for you" >/run/devenv/messages/${pid}`);
    terminal.type('set +v\r');
    await terminal.see(/\$ $/);
    await terminal.run('true');
    await terminal.see(/\$ $/);
    expect(terminal.text.match(/a word for you/g)).toHaveLength(1);
    expect(record()).toMatch(/^\d+ +prompt/);
    terminal.type('exit\r');
    await terminal.ended;
    expect(record()).toMatch(/^\d+ +exited/);
  } finally {
    await container.remove();
  }
});
