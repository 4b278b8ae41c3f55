/** Terminal sequences, bidirectional and zero-width characters in every text that a container can send. */
import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import { heldIf, type Probe, type ProbeResult } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { waitFor } from '../support/wait.ts';

const MARK = 'hostile-text';

/** OSC 52 (clipboard), OSC 8 (link), OSC 0 (title), clear screen, C1, bidirectional override, zero-width, separators. */
const HOSTILE = `${MARK}\x1b]52;c;cm0gLXJm\x07\x1b]8;;https://evil.test\x1b\\\x1b]0;title\x07\x1b[2J\x9b2J\x9d0;x\x9c\u202e\u2066\u200b\u2028`;

/** What no output may contain: Unicode's category C except the layout, and the separators of lines. */
const UNPRINTABLE = /[^\P{C}\n\t]|[\u2028\u2029]/gu;

const listener = (port: number) => ({
  port,
  addresses: ['127.0.0.1'],
  process: '99:99',
  command: HOSTILE,
  speaks: 'http',
  purpose: 'page',
  isPublic: true,
});

const REPORT = {
  kind: 'report',
  protocol: PROTOCOL_VERSION,
  sessions: [{ id: '99:98', terminal: '/dev/pts/99', ageSeconds: 1, portVariable: 'unset' }],
  listeners: [4000, 4001, 4002].map(listener),
  starting: [{ id: HOSTILE, command: HOSTILE, ageSeconds: 100 }],
  service: { port: 4000, address: '127.0.0.1', scheme: 'http', reason: 'newest-web-server' },
  lastSessionEnd: null,
  lastShownNoticeId: 0,
};

/** Valid, with the hostile text where text is free; then with it in each other field, which ends the connection. */
const REPORTS: object[] = [
  { ...REPORT, starting: [{ id: '1', command: HOSTILE, ageSeconds: 100 }] },
  REPORT,
  { ...REPORT, sessions: [{ ...REPORT.sessions[0], terminal: HOSTILE, id: HOSTILE }] },
  { ...REPORT, service: { ...REPORT.service, address: HOSTILE, scheme: HOSTILE, reason: HOSTILE } },
  { ...REPORT, kind: HOSTILE, protocol: HOSTILE },
];

/** Sends the reports in place of the agent, each on its own connection, and prints the text where the agent prints. */
const SCRIPT = `
const { connect } = require('node:net'), { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const reports = JSON.parse(Buffer.from('${Buffer.from(JSON.stringify(REPORTS)).toString('base64')}', 'base64'));
for (const pid of readdirSync('/proc').filter(Number)) {
  let command = '';
  try { command = readFileSync('/proc/' + pid + '/cmdline', 'utf8') } catch {}
  if (pid !== '1' && !command.includes('agent/main.js')) continue;
  try { writeFileSync('/proc/' + pid + '/fd/1', reports[0].starting[0].command + '\\n') } catch {}
}
const send = ([report, ...others]) => {
  const socket = connect('/run/devenv-host/agent.sock', () => socket.write(JSON.stringify(report) + '\\n'));
  setTimeout(() => socket.destroy(), 300);
  socket.on('error', () => {}).on('close', () => others.length > 0 && send(others));
};
send(reports);
`;

/** Everything that prints what is known of a student, for terminals and for scripts. */
const commandsFor = (student: string): string[][] => {
  const commands = [
    ['list'],
    ['status', student],
    ['logs', student],
    ['logs'],
    ['doctor'],
    ['sync'],
    ['egress'],
  ];
  return [...commands, ...commands.map((command) => [...command, '--json'])];
};

async function attack({ devenv, attacker }: Scene): Promise<ProbeResult> {
  await attacker.runScript(`node -e ${quoted(SCRIPT)}`);
  await waitFor('the text in the log', async () =>
    (await devenv.devenv(['logs', attacker.name])).stdout.includes(MARK),
  );
  let [outputs, found] = [0, 0];
  for (const command of commandsFor(attacker.name)) {
    const { stdout, stderr } = await devenv.devenv(command);
    outputs += 1;
    found += `${stdout}${stderr}`.match(UNPRINTABLE)?.length ?? 0;
  }
  for (const accept of ['text/html', 'application/json']) {
    const { body, headers } = await devenv.visit(attacker.name, '/', { headers: { accept } });
    outputs += 1;
    found += `${JSON.stringify(headers)}${body}`.match(UNPRINTABLE)?.length ?? 0;
  }
  return heldIf(found === 0, `${found} unprintable characters in ${outputs} outputs`);
}

/** For `NODE_OPTIONS`. Not imported here, which would switch off the sanitizer in this process too. */
const WITHOUT_SANITIZER = `--import=${new URL('../support/without-sanitizer.ts', import.meta.url)}`;

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The same with an orchestrator and a command line that print texts as they are. */
async function withoutSanitizer(scene: Scene): Promise<ProbeResult> {
  const { devenv } = scene;
  const restart = async () => {
    await devenv.succeed('down');
    await devenv.succeed('up');
  };
  devenv.env.NODE_OPTIONS = WITHOUT_SANITIZER;
  try {
    await restart();
    return await attack(scene);
  } finally {
    delete devenv.env.NODE_OPTIONS;
    await restart();
  }
}

export const probe: Probe = {
  name: 'print-escapes',
  attack:
    "a student puts terminal sequences into every text that reaches the instructor's commands and pages",
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: withoutSanitizer,
};
