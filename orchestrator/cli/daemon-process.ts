/** The daemon as a process of this host: started and waited for, ended and waited for. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import type { DaemonView } from '../api/contract.ts';
import type { Progress } from '../domain.ts';
import { DevenvError, type Problem } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';

const daemonFile = new URL('../daemon.ts', import.meta.url).pathname;

/** A log larger than this is put aside at the next start, in bytes; one older one is kept. */
const LOG_LIMIT = 20 * 2 ** 20;

type Announcement = { ready: true; pid: number } | { problem: Problem };

/** The daemon that answers, or null. */
export async function findDaemon(client: ApiClient): Promise<DaemonView | null> {
  try {
    return await client.daemon();
  } catch (error) {
    if (error instanceof DevenvError && error.code === 'not-running') return null;
    throw error;
  }
}

function openLogFile(stateDir: string): number {
  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  const path = join(stateDir, 'daemon.log');
  if (existsSync(path) && statSync(path).size > LOG_LIMIT) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/** Starts the process and waits for its one line on descriptor 3. */
async function spawnDaemon(settings: Settings): Promise<void> {
  const log = openLogFile(settings.stateDir);
  const child = spawn(process.execPath, ['--no-warnings', daemonFile], {
    detached: true,
    // Its own folder: a daemon that stood in a student's checkout would keep that disk busy.
    cwd: settings.stateDir,
    // What a command line option has decided counts for the process too.
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
      what: 'The orchestrator ended before it was up.',
      next: `${join(settings.stateDir, 'daemon.log')} says why.`,
    });
  }
  if ('problem' in announcement) throw new DevenvError(announcement.problem);
}

/** Makes sure of engine and daemon. Throws what a person can mend. */
export async function ensureDaemon(
  client: ApiClient,
  settings: Settings,
  progress: Progress,
  signal: AbortSignal,
): Promise<DaemonView> {
  const { ensureEngine } = await import('../environments/index.ts');
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  await ensureEngine({ progress, signal, mayInstall });
  const running = await findDaemon(client);
  if (running !== null) return running;
  progress.step('daemon', 'Starting the orchestrator');
  try {
    await spawnDaemon(settings);
  } catch (error) {
    // Another command was starting one in the same moment: that one will do.
    if (!(error instanceof DevenvError) || error.code !== 'busy') throw error;
    for (let attempt = 0; attempt < 100 && (await findDaemon(client)) === null; attempt += 1)
      await sleep(100);
    if ((await findDaemon(client)) === null) throw error;
  }
  progress.done('daemon', 'The orchestrator runs');
  return client.daemon();
}

/** Asks the daemon to end and waits until its process has. Resolves to false where none was running. */
export async function endDaemon(client: ApiClient): Promise<boolean> {
  const running = await findDaemon(client);
  if (running === null) return false;
  await client.stopDaemon();
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (!isAlive(running.pid)) return true;
    await sleep(50);
  }
  throw new DevenvError({
    code: 'busy',
    what: `The orchestrator (process ${running.pid}) is still finishing its work after 15 s.`,
    next: '`devenv logs` shows what it does; run `devenv down` again in a moment.',
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
