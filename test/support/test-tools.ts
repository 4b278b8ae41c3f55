/** Installs programs that only tests need from Debian's packages, or names them where installing is forbidden. */
import { existsSync } from 'node:fs';
import { installPackages } from '../../orchestrator/environments/apt-packages.ts';
import { hasProgram } from '../../orchestrator/environments/host-shell.ts';
import { CHROMIUM } from './browser.ts';
import { terminalProgress } from './progress.ts';

export async function ensureTestTools(mayInstall: boolean, signal: AbortSignal): Promise<void> {
  const packages = existsSync(CHROMIUM) ? [] : ['chromium'];
  for (const program of ['python3', 'openssl']) if (!(await hasProgram(program))) packages.push(program);
  if (packages.length === 0) return;
  const need = `The tests need ${packages.join(', ')}`;
  await installPackages({ packages, need, code: 'engine', mayInstall, progress: terminalProgress, signal });
}
