/**
 * The orchestrator's process: reads the settings, locks the state folder, connects the modules, serves the API, and
 * stops on request. Started by `devenv up`, which waits for one line on file descriptor 3.
 */
import { readFileSync, writeSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { Backend } from './api/backend.ts';
import { startApi } from './api/server.ts';
import { systemClock } from './clock.ts';
import type { LogLine } from './domain.ts';
import { createCloudflare } from './edges/cloudflare/index.ts';
import type { Edge } from './edges/edge.ts';
import { createLocalEdgeProcess, endLocalEdge } from './edges/local/index.ts';
import { createEnvironments } from './environments/index.ts';
import type { Environments } from './environments/types.ts';
import { problemOf } from './errors.ts';
import { type Log, openLog, readLog } from './log.ts';
import { loadSettings } from './settings.ts';
import type { Settings } from './settings-schema.ts';
import { openStateFolder } from './state-folder.ts';
import { acquireInstanceLock, openStore, ResilientStore, type Store } from './store/index.ts';
import { Students } from './students/index.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Tells `devenv up` how the start went. Does nothing if the descriptor is not open. */
function announce(message: object): void {
  try {
    writeSync(3, `${JSON.stringify(message)}\n`);
  } catch {
    // Started by hand or by a supervisor: the log says the same.
  }
}

function createEdge(settings: Settings, store: Store, log: Log): Edge {
  switch (settings.edge) {
    case 'local':
      return createLocalEdgeProcess({ ...settings, log, clock: systemClock });
    case 'cloudflare':
      return createCloudflare({ settings, env: process.env, store, clock: systemClock, log });
  }
}

interface BackendDeps {
  settings: Settings;
  students: Students;
  environments: Environments;
  edge: Edge;
  store: Store;
  stopDaemon(): void;
}

const byTime = (a: LogLine, b: LogLine) => a.at.localeCompare(b.at);

/** What the API offers, from the modules that do it. */
function createBackend({ settings, students, environments, edge, store, stopDaemon }: BackendDeps): Backend {
  const { lifecycle } = students;
  const startedAt = new Date(systemClock.now()).toISOString();
  return {
    daemon: () => ({
      version,
      pid: process.pid,
      instance: settings.instance,
      stateDir: settings.stateDir,
      edge: settings.edge,
      listen: settings.edge === 'local' ? settings.listen : null,
      startedAt,
      students: students.list().length,
      problem: store.problem() ?? edge.problem(),
    }),
    list: () => students.list(),
    get: (name) => students.get(name),
    create: (name, progress, signal) => lifecycle.create(name, progress, signal),
    start: (name, newHome, progress, signal) => lifecycle.start(name, { newHome }, progress, signal),
    stop: (name, progress) => lifecycle.stop(name, progress),
    restart: (name, progress, signal) => lifecycle.restart(name, progress, signal),
    remove: (name, keepHome, progress) => lifecycle.remove(name, keepHome, progress),
    update: (progress, signal) => environments.update(progress, signal),
    open: async (name, adopt) => students.openLink(name, adopt),
    close: async (name) => students.closeLink(name),
    access: (name) => students.access(name),
    egress: () => students.egress,
    setEgress: (name, egress) => students.setEgress(name, egress),
    async logs(name, lines) {
      const own = await readLog(join(settings.stateDir, 'daemon.log'), name, lines);
      if (name === null) return own;
      return [...own, ...(await students.environmentLog(name, lines))].sort(byTime).slice(-lines);
    },
    sync: (repair) => students.sync(repair),
    diagnose: async () => [
      ...(await environments.diagnose()),
      ...(await edge.diagnose()),
      ...(await students.diagnose()),
    ],
    stopDaemon,
  };
}

async function run(log: Log): Promise<void> {
  const settings = loadSettings({
    env: process.env,
    hostname: hostname(),
    uid: process.getuid?.() ?? 0,
    home: homedir(),
  });
  openStateFolder(settings.stateDir);
  const lock = acquireInstanceLock(settings.stateDir);
  const store = new ResilientStore({
    store: openStore(join(settings.stateDir, 'state.db')),
    stateDir: settings.stateDir,
    clock: systemClock,
    log,
  });
  const environments = createEnvironments({ settings, log, clock: systemClock });
  await environments.claimInstance();
  const edge = createEdge(settings, store, log);
  // An edge from before the settings changed.
  if (settings.edge !== 'local') await endLocalEdge(settings.stateDir);
  await edge.start();
  const students = new Students({ settings, store, environments, edge, clock: systemClock, log });
  await students.open();

  const { promise: stopRequest, resolve: stopDaemon } = Promise.withResolvers<void>();
  const backend = createBackend({ settings, students, environments, edge, store, stopDaemon });
  const api = await startApi({ socketPath: join(settings.stateDir, 'api.sock'), backend, log });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopDaemon());
  announce({ kind: 'ready', pid: process.pid });
  log.info({ version, pid: process.pid, edge: settings.edge }, 'orchestrator started');

  await stopRequest;
  log.info('orchestrator stopping');
  await api.close();
  await students.close();
  await edge.stop();
  store.close();
  lock.release();
}

const log = openLog(1);
// The daemon outlives the terminal in which it was started.
process.on('SIGHUP', () => {});
process.on('unhandledRejection', (err) => log.error({ err }, 'unhandled rejection'));
process.on('uncaughtException', (err) => {
  log.fatal({ err }, 'orchestrator crashed');
  process.exit(1);
});
try {
  await run(log);
  process.exit(0);
} catch (error) {
  log.fatal({ err: error }, 'orchestrator could not start');
  announce({ kind: 'failed', problem: problemOf(error) });
  process.exit(1);
}
