/**
 * The student's shell is the student's: what a terminal shows is the same with the hooks and without, in every mode
 * that has broken some shell hook before.
 */
import { BareContainer } from '../../support/bare-container.ts';

let withHooks: BareContainer;
let without: BareContainer;

beforeAll(async () => {
  withHooks = await BareContainer.start({ env: { DEVENV_QUIET: '1' } });
  without = await BareContainer.start({ env: { DEVENV_QUIET: '1' } });
  // The hooks go to sleep where their folder is missing.
  withHooks.run('mkdir -p /run/devenv/shells /run/devenv/messages');
}, 300_000);

afterAll(() => {
  withHooks?.remove();
  without?.remove();
});

/** What students and their tools look at. Each line ends with a visible result. */
const lines = [
  'true; echo "status $?"',
  'false; echo "status $?"',
  'false',
  'echo "status $?"',
  'echo one two three',
  'echo "last $_"',
  'true | false | true; echo "pipe ${PIPESTATUS[*]}"',
  'false | true',
  'echo "pipe ${PIPESTATUS[*]}"',
  'for i in 1 2 3; do echo "loop $i"; done',
  'f() { echo "in f: $1"; return 3; }; f x; echo "status $?"',
  '(exit 4); echo "status $?"',
  '( echo sub; exit 5 )',
  'echo "status $?"',
  'sleep 0.1 & wait $!; echo "waited $?"',
  'jobs',
  'x=$(echo inner); echo "$x"',
  'trap',
  'echo \'a;b\' "c  d"',
  '[[ -t 0 ]] && echo tty',
  'history | tail -n 2 | wc -l',
  '# only a comment',
  '',
  'echo "$-" | tr -d x',
  'echo end',
];

const modes: Record<string, string> = {
  plain: ':',
  'set -u': 'set -u',
  'set -x': 'set -x',
  'set -T (functrace)': 'set -T',
  'set -E with ERR trap': "set -E; trap 'echo err' ERR",
  extdebug: 'shopt -s extdebug',
  noclobber: 'set -C',
  posix: 'set -o posix',
  'IFS of its own': 'IFS=e',
  failglob: 'shopt -s failglob',
  'own DEBUG trap': "trap ': mine' DEBUG",
  'own EXIT trap': "trap 'echo bye' EXIT",
  'PROMPT_COMMAND as a string': "PROMPT_COMMAND='mine=1'",
  'PROMPT_COMMAND in front': 'PROMPT_COMMAND=\'mine=1;\'"${PROMPT_COMMAND-}"',
  'promptvars off': 'shopt -u promptvars',
  'umask 777': 'umask 777',
};

/** Hooks leave their own trap in the list of `trap`; the student's own must be there just the same. */
const normalise = (text: string) =>
  text
    .split('\n')
    .filter((line) => !/^trap -- .*__devenv|^\[\d+\] \d+|__devenv/.test(line))
    .map((line) => line.replace(/\s+$/, '').replace(/^\+ wait \d+/, '+ wait PID'))
    .join('\n');

async function transcript(container: BareContainer, mode: string): Promise<string> {
  const terminal = container.terminal(['env', 'TERM=dumb', 'bash'], { columns: 200 });
  await terminal.see(/\$ $/);
  await terminal.run("PS1='> '; bind 'set enable-bracketed-paste off'");
  await terminal.run(mode);
  let text = '';
  for (const line of lines) {
    terminal.type(`${line}\r`);
    await terminal.see(/> $/);
    text += terminal.fresh;
  }
  terminal.type('exit 6\r');
  const code = await terminal.ended;
  return `${normalise(text + terminal.fresh)}\nexit code ${code}`;
}

test.each(Object.entries(modes))(
  '%s: the same with and without',
  async (_name, mode) => {
    const [mine, plain] = await Promise.all([transcript(withHooks, mode), transcript(without, mode)]);
    // Traced, the parts of a pipeline print in any order.
    const comparable = (text: string) => (mode === 'set -x' ? text.split('\n').sort().join('\n') : text);
    expect(comparable(mine)).toBe(comparable(plain));
    expect(plain).toContain('loop 3');
  },
  60_000,
);

test("set -e ends the shell at the student's failure, not at ours", async () => {
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  expect(await terminal.run('set -e; for i in 1 2 3; do echo "go $i"; done')).toContain('go 3');
  expect(await terminal.run('true | false | true; echo still here')).toContain('still here');
  terminal.type('(exit 9)\r');
  expect(await terminal.ended).toBe(9);
}, 30_000);

test('an own DEBUG trap set later stays, and one set before the prompt hook is never replaced', async () => {
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  await terminal.run("trap 'debug_count=$((debug_count+1))' DEBUG");
  await terminal.run('echo more; echo more');
  expect(await terminal.run('trap -p DEBUG')).toContain('debug_count');
}, 30_000);

test('a full tmpfs and a removed folder are silent, and cost no trap', async () => {
  const container = await BareContainer.start({ run: ['--tmpfs', '/run/devenv:uid=1000,gid=1000,size=64k'] });
  try {
    container.run('mkdir -p /run/devenv/shells; head -c 1M /dev/zero > /run/devenv/full 2>/dev/null || :');
    const terminal = container.terminal(['bash']);
    await terminal.see(/\$ $/);
    await terminal.run("trap ': mine' DEBUG");
    await terminal.run('true');
    expect(await terminal.run('trap -p DEBUG')).toContain(': mine');
    container.run('rm -rf /run/devenv/shells');
    expect(await terminal.run('echo fine')).toBe('fine');
  } finally {
    container.remove();
  }
}, 60_000);

test('scripts, `bash -c` and shells without a terminal have no hooks', async () => {
  const before = withHooks.run('ls /run/devenv/shells | wc -l');
  expect(withHooks.run('bash -c "trap; echo ${PROMPT_COMMAND-none}"')).toBe('none');
  expect(withHooks.run('ls /run/devenv/shells | wc -l')).toBe(before);
});
