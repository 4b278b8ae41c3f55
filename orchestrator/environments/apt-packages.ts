/** Installs Debian packages and reports it. Where that is forbidden or fails, says which command to run. */
import type { Progress } from '../domain.ts';
import { DevenvError, type ErrorCode } from '../errors.ts';
import { hasProgram, hostShell } from './host-shell.ts';

export interface InstallOptions {
  packages: readonly string[];
  /** Why they are needed, as the beginning of a sentence: "There is no Docker engine on this host". */
  need: string;
  code: ErrorCode;
  /** False with `DEVENV_NO_INSTALL=1`. */
  mayInstall: boolean;
  progress: Progress;
  signal: AbortSignal;
}

/** Why nothing can be installed on this host; null where packages can be. */
async function findObstacle(mayInstall: boolean): Promise<string | null> {
  if (!mayInstall) return 'DEVENV_NO_INSTALL is set';
  if (process.getuid?.() !== 0) return 'only root can install it';
  return (await hasProgram('apt-get')) ? null : 'this host has no apt-get';
}

/** A host that has just booted updates its packages: apt-get waits this many seconds for its lock. */
const LOCK_TIMEOUT = 'DPkg::Lock::Timeout=300';

/** Updates the lists and installs. */
async function aptInstall(packages: readonly string[], signal: AbortSignal) {
  const $ = await hostShell({ signal, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  const updated = await $`apt-get -o ${LOCK_TIMEOUT} update`;
  signal.throwIfAborted();
  if (!updated.ok) return updated;
  const installed = await $`apt-get -o ${LOCK_TIMEOUT} install -y --no-install-recommends ${packages}`;
  signal.throwIfAborted();
  return installed;
}

/** Finishes an interrupted install. As apt does without a terminal, it keeps configuration files that were edited. */
async function configurePending(signal: AbortSignal): Promise<void> {
  const $ = await hostShell({ signal, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  await $`dpkg --force-confdef --force-confold --configure -a`;
  signal.throwIfAborted();
}

/** Throws an error of `code` that names the command to run, where packages can't be installed. */
export async function installPackages(options: InstallOptions): Promise<void> {
  const { packages, need, code, mayInstall, progress, signal } = options;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const obstacle = await findObstacle(mayInstall);
  if (obstacle !== null)
    throw new DevenvError({ code, what: `${need}, and ${obstacle}.`, next: `Install it: ${command}` });
  progress.step('install', `${need}: installing ${packages.join(', ')} with apt-get`);
  let result = await aptInstall(packages, signal);
  if (!result.ok && result.stdall.includes('dpkg was interrupted')) {
    progress.step(
      'repair',
      'An earlier install on this host was interrupted: finishing it with dpkg --configure -a',
    );
    await configurePending(signal);
    result = await aptInstall(packages, signal);
  }
  if (result.ok) return;
  const reason =
    result.stdall
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('E:')) ?? `exit code ${result.exitCode}`;
  throw new DevenvError({
    code,
    what: `apt-get could not install ${packages.join(', ')}: ${reason}`,
    next: `Run it yourself to see why: ${command}`,
  });
}
