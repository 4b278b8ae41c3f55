import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Installation, root } from './installation.ts';

/** Puts a fixture into a student's home and installs its packages there, as the student would. */
export async function placeProject(devenv: Installation, student: string, fixture: string): Promise<void> {
  const container = `devenv-${devenv.instance}-${student}`;
  const source = join(root, 'test/fixtures', fixture);
  const archive = execFileSync(
    'tar',
    ['-C', join(source, '..'), '--owner=1000', '--group=1000', '-c', fixture],
    {
      maxBuffer: 64 * 2 ** 20,
    },
  );
  execFileSync('docker', ['cp', '-', `${container}:/home/student/`], { input: archive });
  const { code, stdout, stderr } = await devenv.devenv(
    ['shell', student, '--', `cd ${fixture} && npm ci --no-audit --no-fund 2>&1`],
    { timeoutMs: 300_000 },
  );
  if (code !== 0) throw new Error(`npm ci of ${fixture} ended with ${code}\n${stdout}${stderr}`);
}
