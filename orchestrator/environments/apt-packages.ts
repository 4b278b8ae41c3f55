/** Installs Debian packages, saying so. Where that is not allowed or not possible, says what to run instead. */
import type { Progress } from '../domain.ts';
import { DevenvError, type ErrorCode } from '../errors.ts';
import { runCommand } from './run-command.ts';

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

/** Why nothing can be installed here; null where it can. */
async function obstacle(mayInstall: boolean): Promise<string | null> {
  if (!mayInstall) return 'DEVENV_NO_INSTALL is set';
  if (process.getuid?.() !== 0) return 'only root can install it';
  const hasApt = (await runCommand('sh', ['-c', 'command -v apt-get'])).code === 0;
  return hasApt ? null : 'this host has no apt-get';
}

/** Throws an error of `code` with the command to run, where it may not, can't or fails. */
export async function installPackages(options: InstallOptions): Promise<void> {
  const { packages, need, code, mayInstall, progress, signal } = options;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const reason = await obstacle(mayInstall);
  if (reason !== null)
    throw new DevenvError({ code, what: `${need}, and ${reason}.`, next: `Install it: ${command}` });
  progress.step('install', `${need}: installing ${packages.join(', ')} with apt-get`);
  // A host that has just booted updates itself: its lock is waited for, in seconds.
  const patient = command.replaceAll('apt-get', 'apt-get -o DPkg::Lock::Timeout=300');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => runCommand('sh', ['-c', patient], { signal, env });
  let result = await install();
  if (result.code !== 0 && result.output.includes('dpkg was interrupted')) {
    progress.step(
      'repair',
      'An install was cut short on this host earlier: finishing it with dpkg --configure -a',
    );
    // As apt does without a terminal: settings that somebody changed stay as they are.
    await runCommand('dpkg', ['--force-confdef', '--force-confold', '--configure', '-a'], { signal, env });
    result = await install();
  }
  if (result.code === 0) return;
  const complaint =
    result.output
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('E:')) ?? `exit code ${result.code}`;
  throw new DevenvError({
    code,
    what: `apt-get could not install ${packages.join(', ')}: ${complaint}`,
    next: `Try it by hand: ${command}`,
  });
}
