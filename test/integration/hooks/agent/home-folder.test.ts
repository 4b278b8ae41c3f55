/** A program that an agent has paused continues under the next agent. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HomeFolder } from '../../../../hooks/agent/home-folder.ts';
import { FakeProc } from '../../../support/fake-proc.ts';
import { waitFor } from '../../../support/wait.ts';

const home = mkdtempSync(join(tmpdir(), 'devenv-home-'));
const proc = new FakeProc();
const file = join(proc.folder, 'agent.paused');
const child = spawn('sleep', ['600'], { stdio: 'ignore' });

afterAll(async () => {
  child.kill('SIGKILL');
  if (child.signalCode === null) await once(child, 'exit');
  proc.remove();
  rmSync(home, { recursive: true });
});

const isStopped = () => / T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'));

test('a paused program continues after a restart of the agent if the home has room', async () => {
  const { pid = 0 } = child;
  process.kill(pid, 'SIGSTOP');
  await waitFor('the pause', () => isStopped());
  proc.run(pid, { parent: 1, command: 'sleep' });
  writeFileSync(file, `${pid}:${pid}\n`);
  const folder = new HomeFolder({ home, proc: proc.folder, file, onMeasured: () => undefined });
  await waitFor('the program to continue', () => {
    folder.update(proc.table(), 2 ** 30, () => new Set());
    return !isStopped();
  });
  expect(folder.size?.files).toBe(1);
  expect(existsSync(file)).toBe(false);
});
