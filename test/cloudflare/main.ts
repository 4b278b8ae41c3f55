/** `npm run mock-cloudflare`: the mock and its connector for people who try things out. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_NAMES, parseFaults } from './fault-names.ts';
import { type Call, MockCloudflare, MockConnector } from './index.ts';
import type { PlanName } from './plans.ts';
import { seededRandom } from './seeded-random.ts';

interface Options {
  port: number;
  connectorPort: number;
  metricsPort: number;
  zone: string;
  plan: PlanName;
  latency: number;
  jitter: number;
  connectorDelay: number;
  rate: number;
  fault: string[];
  faultRate: number;
  seed: number;
}

function number(least: number, most: number): (written: string) => number {
  return (written) => {
    const value = Number(written);
    if (written.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A number from ${least} to ${most} is needed.`);
  };
}

function whole(least: number, most: number): (written: string) => number {
  const read = number(least, most);
  return (written) => {
    const value = read(written);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError('A whole number is needed.');
  };
}

function domain(written: string): string {
  if (/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/i.test(written)) return written.toLowerCase();
  throw new InvalidArgumentError('A domain such as class.localhost is needed.');
}

const port = whole(0, 65_535);
const milliseconds = number(0, 600_000);

const program = new Command('npm run mock-cloudflare --')
  .description(
    `A Cloudflare to try devenv with: the API that devenv uses, and a connector (cloudflared) that leads visitors to \
what the API holds. Nothing leaves this machine, and nothing is kept when it ends.

Prints the settings for devenv as \`export\` lines on standard output, and each call on a line of standard error.`,
  )
  .option('--port <port>', 'of the API, on 127.0.0.1; 0 for any free one', port, 5080)
  .option('--connector-port <port>', 'where visitors come in', port, 5081)
  .option('--metrics-port <port>', "of the connector's metrics", port, 5082)
  .option('--zone <name>', 'the domain; browsers find names under .localhost here', domain, 'class.localhost')
  .addOption(
    new Option('--plan <plan>', 'limits: 200 records and 100 characters a comment, or 3,500 and 500')
      .choices(['free', 'paid'])
      .default('free'),
  )
  .option('--latency <ms>', 'of each call', milliseconds, 0)
  .option('--jitter <ms>', 'up to so much more or less', milliseconds, 0)
  .option('--connector-delay <ms>', 'until the connector has a new configuration', milliseconds, 0)
  .option('--rate <requests>', 'in 5 minutes; more, and all is refused for 5 minutes', whole(1, 1e6), 1200)
  .addOption(
    new Option('--fault <fault...>', 'what goes wrong now and then; may be given more than once')
      .choices(FAULT_NAMES)
      .default([], 'nothing'),
  )
  .option('--fault-rate <share>', 'of the calls that go wrong, from 0 to 1', number(0, 1), 0.1)
  .option('--seed <number>', 'the same seed gives the same ids and token', whole(0, 2 ** 32 - 1), 1)
  .addHelpText(
    'after',
    `
Examples:
  # in one terminal
  npm run mock-cloudflare -- --latency 250 --jitter 100
  # in another, with the lines that it printed
  export DEVENV_EDGE=cloudflare …
  ./devenv create alice
  # with a service behind alice's link, visit it
  curl -H 'Host: alice.class.localhost' http://127.0.0.1:5081/

  # what happens to a class when every fifth answer is lost?
  npm run mock-cloudflare -- --fault reset-after --fault timeout-applied --fault-rate 0.2

Faults that say "applied" take effect before they go wrong, and so do reset-after, bad-json and broken-body; one that
says "bare" is a proxy's, without Cloudflare's envelope. stalled-body sends the headers and never the end. "any" is one
of them all.`,
  );

function shellQuoted(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

function logCall(call: Call): void {
  const took = `${Math.round((call.endedAt ?? call.startedAt) - call.startedAt)} ms`;
  const notes = [
    call.applied ? 'applied' : null,
    call.fault === null ? null : `fault: ${call.fault}`,
    call.abandoned ? 'the client had gone' : null,
  ].filter((note) => note !== null);
  const columns = [
    new Date(call.startedAt).toISOString().slice(11, 23),
    String(call.status ?? '---'),
    took.padStart(8),
    call.kind.padEnd(11),
    `${call.method.padEnd(6)} ${call.path}`,
    notes.length > 0 ? `(${notes.join(', ')})` : '',
  ];
  process.stderr.write(`${columns.join('  ').trimEnd()}\n`);
}

/** Ends with words for what the system refused; with the stack for anything else, which is a defect. */
function giveUp(error: unknown): never {
  const { code, port: wished } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
  const why = code === 'EADDRINUSE' ? 'something else listens there' : 'this user may not';
  process.stderr.write(
    `The mock can't listen on 127.0.0.1:${wished}: ${why}.\n` +
      'Choose other ports with --port, --connector-port and --metrics-port (0 for any free one), or end what listens there.\n',
  );
  process.exit(1);
}

async function start(options: Options): Promise<{ mock: MockCloudflare; connector: MockConnector }> {
  const mock = await MockCloudflare.start({
    port: options.port,
    plan: options.plan,
    latency: { ms: options.latency, jitterMs: options.jitter },
    rateLimit: { requests: options.rate },
    seed: options.seed,
    connectorDelayMs: options.connectorDelay,
    zoneName: options.zone,
  });
  const connector = await MockConnector.start(mock.account, {
    port: options.connectorPort,
    metricsPort: options.metricsPort,
  });
  const faults = parseFaults(options.fault);
  if (faults !== null) mock.faults.random(options.faultRate, seededRandom(options.seed), faults);
  return { mock, connector };
}

function explain(mock: MockCloudflare, connector: MockConnector): void {
  const settings = { ...mock.env(), DEVENV_CONNECTOR_METRICS: connector.metricsAddress };
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${shellQuoted(value)}\n`);
  process.stdout.write(lines.join(''));
  process.stderr.write(
    `\nThe mock listens. Give devenv the lines above; a link that it opens is at http://NAME.${mock.zoneName}:${connector.port}/\n` +
      'here, not at the https:// address that it says. Ctrl-C ends the mock, and everything that it holds is gone.\n\n',
  );
}

const options = program.parse().opts<Options>();
const { mock, connector } = await start(options).catch(giveUp);
mock.onCall = (call, phase) => {
  if (phase === 'answered') logCall(call);
};
explain(mock, connector);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    Promise.all([connector.stop(), mock.stop()]).then(() => {
      process.stderr.write(
        `\nCalls: ${mock.calls.length}. Writes that met another one: ${mock.overlaps.length}.\n`,
      );
    });
  });
}
