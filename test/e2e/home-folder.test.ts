/** On a host that can't make homes with a limit, programs that fill a home are paused until files are deleted. */
import { join } from 'node:path';
import { EngineProxy } from '../support/engine-proxy.ts';
import { Installation } from '../support/installation.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
let engine: EngineProxy;

beforeAll(async () => {
  devenv = await Installation.make({ env: { DEVENV_LIMITS_HOME: '200m' } });
  engine = await EngineProxy.start(join(devenv.stateDir, 'engine.sock'));
  devenv.env.DOCKER_HOST = engine.dockerHost;
});
afterAll(async () => {
  await devenv.remove();
  engine.stop();
});

test('a program that fills a home without a limit is paused, and continues after files were deleted', async () => {
  engine.failNextRequest({
    method: 'POST',
    path: /^\/containers\/create\?.*\.image/,
    fault: { status: 500, message: 'error gathering device information: no such file /dev/loop-control' },
  });
  await devenv.succeed('create', 'alice');
  expect(engine.isRuleUsed).toBe(true);
  const { stdout } = await devenv.devenv(['doctor']);
  expect(stdout).toMatch(
    /✗ Homes: 1 home, 0 of them with a limit.*This host gave no home a limit: .*loop-control/,
  );
  expect(stdout).toContain('Programs that write above it are paused');

  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  await terminal.run('fallocate -l 190M large');
  // Not as fast as the disk, so that the test leaves little behind: 10 MB/s, 400 MB if it is not paused.
  terminal.type("bash -c 'for i in $(seq 40); do head -c 10M /dev/zero; sleep 1; done' >>filling\r");
  // The shell, which never is paused, shows its prompt again.
  await terminal.see(/Stopped.*\$ $/s);
  const size = async () => Number((await terminal.run('stat -c %s filling')).match(/^\d+$/m)?.[0]);
  const pausedAt = await size();
  await waitFor('the notice', async () => {
    await terminal.run('true');
    return /Your home \(200 MB\) is full, so programs that write to it are paused\. Largest: large \(190 MB\)/.test(
      terminal.text,
    );
  });
  expect(await size()).toBe(pausedAt);
  expect(pausedAt).toBeLessThan(150 * 2 ** 20);
  await terminal.run('rm large');
  await waitFor('the program to continue', async () => (await size()) > pausedAt);
});
