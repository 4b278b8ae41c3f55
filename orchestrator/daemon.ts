/**
 * The orchestrator's process: reads the settings, takes the lock, wires the parts, serves the API, and goes in
 * good order. Started by `devenv up`, which waits for one line on file descriptor 3.
 */
import { mkdirSync, readFileSync, writeSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { Backend } from './api/backend.ts';
import { startApi } from './api/server.ts';
import type { LogLine } from './domain.ts';
import { createCloudflare } from './edges/cloudflare/index.ts';
import type { Edge } from './edges/edge.ts';
import { createLocalEdge } from './edges/local/index.ts';
import { createEnvironments } from './environments/index.ts';
import { problemOf } from './errors.ts';
import { type Log, openLog, readLog } from './log.ts';
import { loadSettings } from './settings.ts';
import type { Settings } from './settings-schema.ts';
import { acquireInstanceLock, openStore, type Store } from './store/index.ts';
import { Students } from './students/index.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Tells whoever started this process how it went. Nobody waits where the descriptor is not open. */
function announce(message: object): void {
  try {
    writeSync(3, `${JSON.stringify(message)}\n`);
  } catch {
    // Started by hand: the log has it.
  }
}

function createEdge(settings: Settings, store: Store, log: Log): Edge {
  switch (settings.edge) {
    case 'local':
      return createLocalEdge({
        listen: settings.listen,
        hostname: settings.hostname,
        instance: settings.instance,
        log,
      });
    case 'cloudflare':
      return createCloudflare({ settings, env: process.env, store, log });
  }
}

const byTime = (a: LogLine, b: LogLine) => a.at.localeCompare(b.at);

async function run(log: Log): Promise<void> {
  const settings = loadSettings({
    env: process.env,
    hostname: hostname(),
    uid: process.getuid?.() ?? 0,
    home: homedir(),
  });
  mkdirSync(settings.stateDir, { recursive: true, mode: 0o711 });
  const lock = acquireInstanceLock(settings.stateDir);
  const store = openStore(join(settings.stateDir, 'state.db'));
  const environments = createEnvironments({ settings, log });
  await environments.claimInstance();
  const edge = createEdge(settings, store, log);
  await edge.start();
  const students = new Students({ settings, store, environments, edge, log });
  await students.start();

  const startedAt = new Date().toISOString();
  let stopDaemon = () => {};
  const stopped = new Promise<void>((resolve) => {
    stopDaemon = resolve;
  });
  const backend: Backend = {
    daemon: () => ({
      version,
      pid: process.pid,
      instance: settings.instance,
      stateDir: settings.stateDir,
      edge: settings.edge,
      listen: settings.edge === 'local' ? settings.listen : null,
      startedAt,
      students: students.list().length,
    }),
    list: () => students.list(),
    get: (name) => students.get(name),
    create: (name, progress, signal) => students.create(name, progress, signal),
    start: (name, progress, signal) => students.run(name, progress, signal),
    stop: (name, progress) => students.halt(name, progress),
    restart: (name, progress, signal) => students.restart(name, progress, signal),
    remove: (name, keepHome, progress) => students.remove(name, keepHome, progress),
    open: async (name, adopt) => students.override(name, 'open', adopt),
    close: async (name) => students.override(name, 'close'),
    access: (name) => students.access(name),
    async logs(name, lines) {
      const own = await readLog(join(settings.stateDir, 'daemon.log'), name, lines);
      return name === null
        ? own
        : [...own, ...(await students.printed(name, lines))].sort(byTime).slice(-lines);
    },
    sync: (repair) => students.sync(repair),
    diagnose: async () => [...(await environments.diagnose()), ...(await edge.diagnose())],
    stopDaemon: () => stopDaemon(),
  };
  const api = await startApi({
    socketPath: join(settings.stateDir, 'api.sock'),
    backend,
    log,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopDaemon());
  announce({ kind: 'ready', pid: process.pid });
  log.info({ version, pid: process.pid, edge: settings.edge }, 'the orchestrator is up');

  await stopped;
  log.info('the orchestrator is going down');
  await api.close();
  await students.stop();
  await edge.stop();
  store.close();
  lock.release();
}

const log = openLog(1);
// A terminal that closes must not take the daemon with it.
process.on('SIGHUP', () => {});
process.on('unhandledRejection', (err) => log.error({ err }, 'something was not waited for'));
process.on('uncaughtException', (err) => {
  log.fatal({ err }, 'the orchestrator has crashed');
  process.exit(1);
});
try {
  await run(log);
  process.exit(0);
} catch (error) {
  log.fatal({ err: error }, 'the orchestrator could not start');
  announce({ kind: 'failed', problem: problemOf(error) });
  process.exit(1);
}
