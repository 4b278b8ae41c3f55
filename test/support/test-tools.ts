/** Programs that only tests need, from Debian's packages: what is missing is installed, or named where it may not be. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installPackages } from '../../orchestrator/environments/apt-packages.ts';
import { CHROMIUM } from './browser.ts';
import { terminalProgress } from './progress.ts';

const isCommand = (name: string) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

const tools = [
  { name: 'chromium', isThere: () => existsSync(CHROMIUM) },
  { name: 'python3', isThere: () => isCommand('python3') },
  { name: 'openssl', isThere: () => isCommand('openssl') },
];

export async function ensureTestTools(mayInstall: boolean, signal: AbortSignal): Promise<void> {
  const packages = tools.filter(({ isThere }) => !isThere()).map(({ name }) => name);
  if (packages.length === 0) return;
  const need = `The tests need ${packages.join(', ')}`;
  await installPackages({ packages, need, code: 'engine', mayInstall, progress: terminalProgress, signal });
}
