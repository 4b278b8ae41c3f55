/** A test run that is killed leaves nothing that breaks the next one. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import Docker from 'dockerode';
import { networkOf } from '../../../../orchestrator/environments/network.ts';
import { AttackerNetwork } from '../../../support/attacker-network.ts';
import { removeLeftovers } from '../../../support/leftovers.ts';
import { $ } from '../../../support/shell.ts';
import { currentRun } from '../../../support/test-run.ts';
import { waitFor } from '../../../support/wait.ts';

const ADDRESS = '10.77.0.99';
const main = new URL('../../../support/test-run-main.ts', import.meta.url).pathname;
const docker = new Docker();

interface OtherRun {
  pid: number;
  container: string;
  instance: string;
  stateDir: string;
  daemon: number;
  kill(): Promise<void>;
}

/** A test run in another process, with one of each thing that tests create. */
async function startOtherRun(): Promise<OtherRun> {
  const running = $`${process.execPath} --no-warnings ${main} ${ADDRESS}`.nothrow();
  let output = '';
  running.stdout.on('data', (data) => {
    output += data;
  });
  await waitFor('the other run', () => output.includes('\n'), { lastSeen: () => output });
  return {
    ...JSON.parse(output),
    kill: async () => {
      running.child?.kill('SIGKILL');
      await running;
    },
  };
}

const exists = (inspected: Promise<unknown>) =>
  inspected.then(
    () => true,
    () => false,
  );
const read = async () => (await fetch(`http://${ADDRESS}:8000/`)).text();
const namespaces = async () => (await $`ip netns list`).stdout;
const chains = async () => (await $`iptables -w 5 -S`).stdout;

test('the next run has networks of its own, and removes all that a killed one left', async () => {
  const other = await startOtherRun();
  const { name, bridge } = networkOf(other.instance);
  await other.kill();
  expect(await namespaces()).toContain(`dvt${other.pid}-`);
  expect(await chains()).toContain(`${bridge}-fwd`);

  const network = await AttackerNetwork.create([ADDRESS]);
  try {
    expect(await read()).toBe('reached');
    await removeLeftovers();
    expect(await read()).toBe('reached');
  } finally {
    await network.remove();
  }

  expect(await namespaces()).not.toMatch(new RegExp(`dvt(${other.pid}-|${currentRun})`));
  expect((await $`ip -o link`).stdout).not.toContain(`dvt${other.pid}`);
  expect((await $`ip route show ${ADDRESS}`).stdout).toBe('');
  expect(await exists(docker.getContainer(other.container).inspect())).toBe(false);
  expect(await exists(docker.getNetwork(name).inspect())).toBe(false);
  expect(
    (await docker.listVolumes({ filters: { label: [`devenv.instance=${other.instance}`] } })).Volumes,
  ).toEqual([]);
  expect(await chains()).not.toContain(bridge);
  expect(readdirSync(tmpdir())).not.toContain(basename(other.stateDir));
  await waitFor('its orchestrator to be gone', () => exists($`kill -0 ${other.daemon}`).then((is) => !is));
});

test('two runs at once both reach their addresses, and the end of one leaves the other its routes', async () => {
  const other = await startOtherRun();
  const network = await AttackerNetwork.create([ADDRESS]);
  try {
    expect(await read()).toBe('reached');
    await removeLeftovers();
    expect(await namespaces()).toContain(`dvt${other.pid}-`);
    await other.kill();
    await removeLeftovers();
    expect(await read()).toBe('reached');
  } finally {
    await network.remove();
  }
});

test('a folder whose name is only similar stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-test-fixture-'));
  await removeLeftovers();
  expect(readdirSync(tmpdir())).toContain(basename(folder));
  await $`rmdir ${folder}`;
});
