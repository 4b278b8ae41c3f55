/** The daemon as a process of this host: finds, starts and stops it. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import type { DaemonView } from '../api/contract.ts';
import type { Progress } from '../domain.ts';
import { DevenvError, type Problem } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { openPrivateFile, openStateFolder } from '../state-folder.ts';

const daemonFile = new URL('../daemon.ts', import.meta.url).pathname;

/** A larger log is renamed at the next start. One renamed log is kept. */
const MAX_LOG_BYTES = 20 * 2 ** 20;

/** How often, and for how long, a start or stop of the daemon is awaited. */
const POLL_INTERVAL_MS = 50;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;

/** The daemon's one line on file descriptor 3. */
type Announcement = { kind: 'ready'; pid: number } | { kind: 'failed'; problem: Problem };

/** The daemon that answers on the socket; null if none does. */
export async function findDaemon(client: ApiClient): Promise<DaemonView | null> {
  try {
    return await client.daemon();
  } catch (error) {
    if (error instanceof DevenvError && error.code === 'not-running') return null;
    throw error;
  }
}

function openLogFile(stateDir: string): number {
  openStateFolder(stateDir);
  const path = join(stateDir, 'daemon.log');
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openPrivateFile(path);
}

/** Starts the daemon's process and waits for its announcement. */
async function spawnDaemon(settings: Settings): Promise<void> {
  const log = openLogFile(settings.stateDir);
  const child = spawn(process.execPath, ['--no-warnings', daemonFile], {
    detached: true,
    // Not the caller's folder: it could not be unmounted while the daemon runs there.
    cwd: settings.stateDir,
    // --listen overrides the variable for the daemon too.
    env: { ...process.env, DEVENV_LISTEN: settings.listen },
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  child.unref();
  const announcements = child.stdio[3] as Readable;
  let announcement: Announcement | null = null;
  for await (const line of createInterface({ input: announcements })) {
    announcement = JSON.parse(line) as Announcement;
    break;
  }
  announcements.destroy();
  if (announcement === null) {
    throw new DevenvError({
      code: 'internal',
      what: 'The orchestrator exited while starting.',
      next: `See why: ${join(settings.stateDir, 'daemon.log')}`,
    });
  }
  if (announcement.kind === 'failed') throw new DevenvError(announcement.problem);
}

/** Starts the engine and the daemon unless they run. Throws `engine` or what the daemon reports. */
export async function ensureDaemon(
  client: ApiClient,
  settings: Settings,
  progress: Progress,
  signal: AbortSignal,
): Promise<DaemonView> {
  const { ensureEngine, raiseHostLimits } = await import('../environments/index.ts');
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  await ensureEngine({ progress, signal, mayInstall });
  const running = await findDaemon(client);
  if (running !== null) return running;
  const isEngineHere = process.env.DOCKER_HOST === undefined;
  if (mayInstall && isEngineHere && process.getuid?.() === 0) raiseHostLimits(progress);
  progress.step('daemon', 'Starting the orchestrator');
  try {
    await spawnDaemon(settings);
  } catch (error) {
    // Another command is starting a daemon at the same moment: wait for that one.
    if (!(error instanceof DevenvError) || error.code !== 'busy') throw error;
    if (!(await waitUntil(async () => (await findDaemon(client)) !== null, START_TIMEOUT_MS))) throw error;
  }
  progress.done('daemon', 'Orchestrator running');
  return client.daemon();
}

/** Stops the daemon and waits until its process has ended. Resolves to false if none was running. Throws `busy`. */
export async function stopDaemon(client: ApiClient): Promise<boolean> {
  const running = await findDaemon(client);
  if (running === null) return false;
  await client.stopDaemon();
  if (await waitUntil(async () => !isAlive(running.pid), STOP_TIMEOUT_MS)) return true;
  throw new DevenvError({
    code: 'busy',
    what: `The orchestrator (process ${running.pid}) is still finishing its work after ${STOP_TIMEOUT_MS / 1000} s.`,
    next: 'See what it does: devenv logs. Run `devenv down` again in a moment.',
  });
}

/** Polls until `isDone`; resolves to false after `timeoutMs`. */
async function waitUntil(isDone: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
