/**
 * The local edge's process: serves visitors, and has none of the daemon's rights. It opens its sockets, switches to a
 * user without an account, and only then handles requests. It outlives the daemon, which finds it by its socket.
 */
import { closeSync, writeSync } from 'node:fs';
import { ConnectionLimits } from './connection-limits.ts';
import type { EdgeAnnouncement, EdgeConfig } from './control-messages.ts';
import { ControlServer } from './control-server.ts';
import { LocalProxy } from './proxy.ts';

const LIMIT_REPORT_INTERVAL_MS = 60_000;

const config = JSON.parse(process.argv[2] ?? '') as EdgeConfig;

/** One line in the daemon's log, in its format. */
function report(level: 'warn' | 'error', msg: string, error?: unknown): void {
  const err = error instanceof Error ? { message: error.message, stack: error.stack } : undefined;
  const line = { level: level === 'warn' ? 40 : 50, time: new Date().toISOString(), msg, err };
  try {
    writeSync(1, `${JSON.stringify(line)}\n`);
  } catch {
    // The disk may be full.
  }
}

/** Tells the daemon how the start went, and gives up the descriptor that the two share. */
function announce(announcement: EdgeAnnouncement): void {
  try {
    writeSync(3, `${JSON.stringify(announcement)}\n`);
    closeSync(3);
  } catch {
    // The daemon has ended meanwhile. The next one finds this process, or it ends when it has been alone for too long.
  }
}

/** Gives up root's rights for good: groups first, as only root may change them. */
function switchUser(user: number): void {
  try {
    process.setgroups?.([]);
    process.setgid?.(user);
    process.setuid?.(user);
  } catch (error) {
    // Links matter more; `devenv doctor` shows it.
    report('error', 'local edge: could not give up the rights of root', error);
  }
}

/** Says how many connections the limits have closed, a minute after the first one. */
function limitReporter(): () => void {
  let closed = 0;
  return () => {
    closed += 1;
    if (closed > 1) return;
    setTimeout(() => {
      report('warn', `local edge: too many connections, ${closed} closed within a minute`);
      closed = 0;
    }, LIMIT_REPORT_INTERVAL_MS).unref();
  };
}

async function run(): Promise<void> {
  const limits = new ConnectionLimits({ maxTotal: config.maxConnections, onLimit: limitReporter() });
  const proxy = new LocalProxy(undefined, limits);
  // The control socket is open to this user only.
  process.umask(0o177);
  const port = await proxy.listen(config.port, config.host);
  proxy.onError((error) => report('error', 'local edge: a listening socket failed', error));
  const end = () => void proxy.close().then(() => process.exit(0));
  const control = new ControlServer({
    hello: () => ({
      kind: 'hello',
      build: config.build,
      host: config.host,
      requestedPort: config.port,
      port,
      uid: process.getuid?.() ?? 0,
      maxConnections: config.maxConnections,
    }),
    status: () => ({ hostnames: proxy.hostnames(), connections: proxy.connections }),
    handle(request) {
      if (request.kind === 'set-routes') proxy.setRoutes(request.routes);
      if (request.kind === 'stop') setImmediate(end);
    },
    onAlone() {
      report('warn', 'local edge: ends, because no orchestrator has connected for too long');
      end();
    },
    aloneMs: config.aloneMs,
  });
  await control.listen(config.socketPath);
  if (config.user !== null) switchUser(config.user);
  process.once('SIGTERM', end);
}

process.on('SIGHUP', () => {});
process.on('uncaughtException', (error) => {
  report('error', 'local edge: crashed', error);
  process.exit(1);
});
try {
  await run();
  announce({ kind: 'ready' });
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  announce({ kind: 'failed', code, message });
  process.exit(1);
}
