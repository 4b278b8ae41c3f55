/** A terminal shows the same with and without the hooks, in every mode that has broken a shell hook before. */
import { execFileSync } from 'node:child_process';
import { BareContainer } from '../../support/bare-container.ts';
import {
  HOOKS_TRAP,
  hookedContainer,
  PROMPT,
  placeHereDocument,
  startPair,
  typeAll,
} from '../../support/hooked-shells.ts';
import type { Terminal } from '../../support/terminal.ts';
import { lines, modes, toolModes } from './modes.ts';
import { placeShellTools } from './shell-tools.ts';

let withHooks: BareContainer;
let without: BareContainer;

beforeAll(async () => {
  [withHooks, without] = await startPair();
  placeShellTools([withHooks, without]);
});

afterAll(async () => {
  await withHooks?.remove();
  await without?.remove();
});

/** Removes the hooks' own traps from the output of `trap`, and messages about jobs, whose moment is random. */
const normalise = (text: string) =>
  text
    .split('\n')
    .filter((line) => !/^trap -- .*__devenv|^\[\d+\] \d+|^\[\d+\].*Terminated|__devenv/.test(line))
    .map((line) => line.replace(/\s+$/, '').replace(/^\+ wait \d+/, '+ wait PID'))
    .join('\n');

/** What the terminal shows while all lines are typed, and the shell's exit code. */
async function whole(terminal: Terminal): Promise<string> {
  const { text, code } = await typeAll(terminal, lines);
  return `${normalise(text)}\nexit code ${code}`;
}

/**
 * A shell in a terminal of 200 columns. Docker sets a terminal's size only after the program has started, and bash would
 * then draw its prompt again.
 */
const openShell = (container: BareContainer, options = ''): Terminal =>
  container.terminal(['env', 'TERM=dumb', 'sh', '-c', `stty rows 30 cols 200; exec bash ${options}`], {
    rows: 30,
    columns: 200,
  });

async function transcript(container: BareContainer, mode: string): Promise<string> {
  const terminal = openShell(container);
  await terminal.see(/\$ $/);
  await terminal.run(PROMPT);
  await terminal.run(mode);
  // bash-preexec installs itself at a prompt.
  await terminal.run(':');
  // Text typed before the prompt would be echoed twice.
  await terminal.see(/> $/);
  return whole(terminal);
}

/** The same with the mode in `~/.bashrc`, so that it is active at the shell's first prompt. */
async function transcriptFromStart(container: BareContainer, mode: string): Promise<string> {
  const script = [
    'rm -rf ~/start; mkdir ~/start; cat ~/.bashrc - >~/start/.bashrc',
    'echo "echo former line" >~/start/history',
  ].join('; ');
  execFileSync('docker', ['exec', '-i', '-u', '1000:1000', container.id, 'bash', '-c', script], {
    input: `${PROMPT}; HISTFILE=~/start/history\n${mode}\n`,
  });
  const terminal = openShell(container, '--rcfile ~/start/.bashrc');
  await terminal.see(/> $/);
  const first = terminal.recentText;
  return `${normalise(first)}\n${await whole(terminal)}`;
}

test.each(Object.entries(modes))('%s: the same output with and without hooks', async (_name, mode) => {
  const [mine, plain] = await Promise.all([transcript(withHooks, mode), transcript(without, mode)]);
  // With tracing, the parts of a pipeline print in random order.
  const comparable = (text: string) => (/^set -xv?$/.test(mode) ? text.split('\n').sort().join('\n') : text);
  expect(comparable(mine)).toBe(comparable(plain));
  expect(plain).toContain('loop 3');
});

test.each(Object.entries(toolModes))(
  '%s in ~/.bashrc: the same output with and without hooks',
  async (_name, mode) => {
    const [mine, plain] = await Promise.all([
      transcriptFromStart(withHooks, mode),
      transcriptFromStart(without, mode),
    ]);
    expect(mine).toBe(plain);
    expect(plain).toContain('loop 3');
  },
);

test("set -e ends the shell at the student's failures, never at the hooks' own", async () => {
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  expect(await terminal.run('set -e; for i in 1 2 3; do echo "go $i"; done')).toContain('go 3');
  expect(await terminal.run('true | false | true; echo still here')).toContain('still here');
  terminal.type('(exit 9)\r');
  expect(await terminal.ended).toBe(9);
});

test("the hooks never replace the student's own DEBUG trap", async () => {
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  await terminal.run("trap 'debug_count=$((debug_count+1))' DEBUG");
  await terminal.run('echo more; echo more');
  expect(await terminal.run('trap -p DEBUG')).toContain('debug_count');
  // Tools such as atuin run PROMPT_COMMAND in a function, where `trap -p` lists no DEBUG trap.
  await terminal.run('f() { local each; for each in "${PROMPT_COMMAND[@]}"; do eval "$each"; done; }; f');
  expect(await terminal.run('trap -p DEBUG')).toContain('debug_count');
});

test("with a full tmpfs or without their folder the hooks are silent, and keep the student's traps", async () => {
  const container = await BareContainer.start({ runSize: '64k' });
  try {
    container.run('mkdir -p /run/devenv/shells; head -c 1M /dev/zero > /run/devenv/full 2>/dev/null || :');
    const terminal = container.terminal(['bash']);
    await terminal.see(/\$ $/);
    await terminal.run("trap ': mine' DEBUG");
    await terminal.run('true');
    expect(await terminal.run('trap -p DEBUG')).toContain(': mine');
    container.run('rm /run/devenv/full');
    await terminal.run('trap - DEBUG');
    await terminal.run('true');
    container.run('rm -rf /run/devenv/shells');
    expect(await terminal.run('echo fine')).toBe('fine');
    // Traps found at earlier prompts no longer count.
    await terminal.run("trap ': mine again' DEBUG");
    await terminal.run('true');
    expect(await terminal.run('trap -p DEBUG')).toContain(': mine again');
  } finally {
    await container.remove();
  }
});

test('the hooks start no process, for watched commands either', async () => {
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  // The last pid of this namespace, read without starting a process.
  const lastPid = () => terminal.run('read -ra load </proc/loadavg; echo "pid ${load[4]}"');
  const before = await lastPid();
  for (let round = 0; round < 20; round += 1) await terminal.run(`: npm run dev ${round}`);
  expect(await lastPid()).toBe(before);
  expect(before).toMatch(/^pid \d+$/);
  await terminal.run('/bin/true');
  expect(await lastPid()).not.toBe(before);
});

test('of a line with a long here-document, only the beginning is recorded', async () => {
  placeHereDocument(withHooks, HOOKS_TRAP);
  const terminal = withHooks.terminal(['bash']);
  await terminal.see(/\$ $/);
  await terminal.run('. /tmp/paste; IFS= read -r record <"$__devenv_file"');
  expect(await terminal.run('echo "${record:48:16}"')).toBe(": pasted <<'END'");
});

test.each(['bash-preexec', 'bash-preexec before 0.5', 'VS Code', 'starship by its mechanism'])(
  'together with %s, messages are still shown and records still written',
  async (name) => {
    const container = await hookedContainer();
    try {
      const terminal = container.terminal(['bash']);
      await terminal.see(/\$ $/);
      await terminal.run(modes[name] ?? '');
      await terminal.run(':');
      const pid = container.run('ls /run/devenv/shells | grep -v trap');
      const count = () => Number(container.run(`head -c 10 /run/devenv/shells/${pid}`));
      const before = count();
      container.run(`echo "a word for you" >/run/devenv/messages/${pid}`);
      await terminal.run('echo one');
      await terminal.run('echo two');
      expect(terminal.text.match(/a word for you/g)).toHaveLength(1);
      expect(count()).toBeGreaterThan(before);
    } finally {
      await container.remove();
    }
  },
);

test('`exec bash` shows the welcome once, and continues the same record', async () => {
  const container = await hookedContainer();
  try {
    const terminal = container.terminal(['bash']);
    await terminal.see(/\$ $/);
    await terminal.run('true');
    terminal.type('exec bash\r');
    await terminal.see(/\$ $/);
    await terminal.run('. /etc/bash.bashrc');
    expect(terminal.text.match(/Your link is/g)).toHaveLength(1);
    expect(await terminal.run('n=${PS0//[!_]/}; echo ${#n} ${#PROMPT_COMMAND[@]}')).toBe(
      await terminal.run('m=$__devenv_arm; n=${m//[!_]/}; echo ${#n} 1'),
    );
  } finally {
    await container.remove();
  }
});

test('messages for an earlier shell with the same pid are not shown', async () => {
  const stale = 'echo "a word for another" >/run/devenv/messages/$$';
  const terminal = withHooks.terminal(['env', 'DEVENV_QUIET=0', 'sh', '-c', `${stale}; exec bash`]);
  await terminal.see(/\$ $/);
  await terminal.run('true');
  expect(terminal.text).not.toContain('a word for another');
});

test('scripts, `bash -c` and shells without a terminal have no hooks', async () => {
  const before = withHooks.run('ls /run/devenv/shells | wc -l');
  expect(withHooks.run('bash -c "trap; echo ${PROMPT_COMMAND-none}"')).toBe('none');
  expect(withHooks.run('ls /run/devenv/shells | wc -l')).toBe(before);
});
