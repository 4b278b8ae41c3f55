/** Starts and ends the edge process. */
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemCodeOf } from '../../errors.ts';
import type { EdgeAnnouncement, EdgeConfig } from './control-messages.ts';

const MAIN_FILE = join(import.meta.dirname, 'main.ts');
/** The root of the code: what the process may read. */
const ROOT = resolve(import.meta.dirname, '../../..');

/** Uids without an account: systemd reserves none of them, and Debian gives none of them to users (its UIDS-GIDS.md). */
const UIDS = { from: 60_600, to: 60_699 };

/** How long an edge may take to end when asked to; then it is killed. */
const END_TIMEOUT_MS = 5000;
const POLL_INTERVAL_MS = 20;

const run = promisify(execFile);

async function isAccount(database: 'passwd' | 'group', id: number): Promise<boolean> {
  try {
    await run('getent', [database, String(id)]);
    return true;
  } catch {
    return false;
  }
}

/** A uid, and gid, that belongs to no account of this host; null where this process is not root and has to keep its own. */
export async function uidOfNobody(): Promise<number | null> {
  if (process.getuid?.() !== 0) return null;
  for (let uid = UIDS.from; uid <= UIDS.to; uid += 1)
    if (!(await isAccount('passwd', uid)) && !(await isAccount('group', uid))) return uid;
  throw new Error(`every uid from ${UIDS.from} to ${UIDS.to} belongs to an account`);
}

/** Node's permissions: without root, they are what keeps files and programs of the daemon's user from the process. */
const nodeFlags = () => [
  '--no-warnings',
  '--permission',
  '--allow-net',
  `--allow-fs-read=${join(ROOT, 'orchestrator')}`,
  `--allow-fs-read=${join(ROOT, 'package.json')}`,
];

/**
 * Starts an edge process that outlives this one, and waits until it serves. Rejects with a system error, such as
 * EADDRINUSE, where it can't listen. `instance` is only for people who read the process's environment.
 */
export async function launchEdge(config: EdgeConfig, instance: string): Promise<void> {
  // A killed edge leaves its socket behind.
  rmSync(config.socketPath, { force: true });
  const child = spawn(process.execPath, [...nodeFlags(), MAIN_FILE, JSON.stringify(config)], {
    detached: true,
    cwd: '/',
    // Nothing of the daemon's environment, which has the Cloudflare token.
    env: { DEVENV_INSTANCE: instance },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  child.on('error', () => undefined);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const announcements = child.stdio[3] as Readable;
  let announcement: EdgeAnnouncement | null = null;
  for await (const line of createInterface({ input: announcements })) {
    announcement = JSON.parse(line) as EdgeAnnouncement;
    break;
  }
  announcements.destroy();
  if (announcement?.kind === 'ready') return child.unref();
  if (announcement !== null) await ended;
  const { code, message } = announcement ?? { code: 'EXITED', message: 'its process ended while starting' };
  throw Object.assign(new Error(message), { code });
}

/** Whether the process is the edge with that control socket, and this user may end it. */
function isEdge(pid: number, socketPath: string): boolean {
  try {
    process.kill(pid, 0);
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const at = args.findIndex((each) => each.endsWith('/edges/local/main.ts'));
    return at > 0 && (JSON.parse(args[at + 1] ?? '') as EdgeConfig).socketPath === socketPath;
  } catch {
    // It has ended meanwhile, has other arguments, or belongs to another user.
    return false;
  }
}

/** The processes of the edge with that control socket: one, or none. */
export function findEdge(socketPath: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isEdge(pid, socketPath));
}

/** How many files a process that this one starts may open. */
export function openFilesLimit(): number {
  const [, hard] = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+\S+\s+(\S+)/m) ?? [];
  // Node raises the soft limit to the hard one.
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (systemCodeOf(error) !== 'ESRCH') throw error;
  }
}

/** Waits until the edge's process has ended, and kills one that does not end in time. `askToEnd`: null to kill at once. */
export async function endEdge(
  socketPath: string,
  askToEnd: (() => Promise<unknown>) | null,
): Promise<boolean> {
  const pids = findEdge(socketPath);
  if (pids.length === 0) return false;
  await askToEnd?.();
  const deadlineMs = performance.now() + (askToEnd === null ? 0 : END_TIMEOUT_MS);
  for (;;) {
    const left = pids.filter((pid) => isEdge(pid, socketPath));
    if (left.length === 0) return true;
    if (performance.now() >= deadlineMs) left.forEach(kill);
    await sleep(POLL_INTERVAL_MS);
  }
}
