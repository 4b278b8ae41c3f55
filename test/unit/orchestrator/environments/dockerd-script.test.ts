/** The file limit that an engine gets which devenv starts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DOCKERD_SCRIPT } from '../../../../orchestrator/environments/engine.ts';

test('an engine that devenv starts may open as many files as is allowed, not as few as devenv', () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-dockerd-'));
  try {
    writeFileSync(join(folder, 'dockerd'), '#!/bin/sh\nulimit -n\n', { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, SCRIPT: DOCKERD_SCRIPT };
    const run = (script: string) => Number(execFileSync('sh', ['-c', script], { env, encoding: 'utf8' }));
    const hardLimit = run('ulimit -H -n');
    expect(run('ulimit -S -n 256; sh -c "$SCRIPT"')).toBeGreaterThanOrEqual(Math.min(hardLimit, 1_048_576));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
