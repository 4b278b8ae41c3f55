/** `npm run mock-cloudflare`: the mock and its connector for trying out devenv by hand. */
import { type MockCommandOptions, parseCommandLine } from './command-line.ts';
import { parseFaults } from './fault-names.ts';
import { type Call, MockCloudflare, MockConnector } from './index.ts';
import { seededRandom } from './seeded-random.ts';

function shellQuoted(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

/** Prints one line about a finished call. */
function logCall(call: Call): void {
  const durationMs = Math.round((call.endedAt ?? call.startedAt) - call.startedAt);
  const notes = [
    call.applied ? 'applied' : null,
    call.fault === null ? null : `fault: ${call.fault}`,
    call.abandoned ? 'client disconnected' : null,
  ].filter((note) => note !== null);
  const columns = [
    new Date(call.startedAt).toISOString().slice(11, 23),
    String(call.status ?? '---'),
    `${durationMs} ms`.padStart(8),
    call.kind.padEnd(11),
    `${call.method.padEnd(6)} ${call.path}`,
    notes.length > 0 ? `(${notes.join(', ')})` : '',
  ];
  process.stderr.write(`${columns.join('  ').trimEnd()}\n`);
}

/** Exits with an explanation if a port can't be used; anything else is a defect and is thrown again. */
function exitOnPortError(error: unknown): never {
  const { code, port } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
  const reason = code === 'EADDRINUSE' ? 'another program uses this port' : 'this user may not use this port';
  process.stderr.write(
    `The mock can't listen on 127.0.0.1:${port}: ${reason}.\n` +
      'Choose other ports with --port, --connector-port and --metrics-port (0 picks a free one), or stop that program.\n',
  );
  process.exit(1);
}

async function start(
  options: MockCommandOptions,
): Promise<{ mock: MockCloudflare; connector: MockConnector }> {
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

function printSettings(mock: MockCloudflare, connector: MockConnector): void {
  const settings = { ...mock.env(), DEVENV_CONNECTOR_METRICS: connector.metricsAddress };
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${shellQuoted(value)}\n`);
  process.stdout.write(lines.join(''));
  process.stderr.write(
    `\nThe mock is running. Start devenv with the settings above. Open a student's link at http://NAME.${mock.zoneName}:${connector.port}/\n` +
      'instead of the https:// address that devenv shows. Ctrl-C stops the mock and discards its data.\n\n',
  );
}

const { mock, connector } = await start(parseCommandLine()).catch(exitOnPortError);
mock.onCall = (call, phase) => {
  if (phase === 'answered') logCall(call);
};
printSettings(mock, connector);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    Promise.all([connector.stop(), mock.stop()]).then(() => {
      process.stderr.write(
        `\nMock stopped. Calls: ${mock.calls.length}. Overlapping writes: ${mock.overlaps.length}.\n`,
      );
    });
  });
}
