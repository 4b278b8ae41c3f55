/** The lock against other processes of this host, with real ones: a waiting process learns the holder, and a killed one releases it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../../../../orchestrator/clock.ts';
import { createTunnelLock } from '../../../../../orchestrator/edges/cloudflare/apply/tunnel-lock.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { waitFor } from '../../../../support/wait.ts';
import { setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

const script = new URL('../../../../support/hold-tunnel-lock.ts', import.meta.url).pathname;
const children: ChildProcess[] = [];

async function holder(tunnelId: string, instance: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--no-warnings', script, tunnelId, instance], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  expect(said.toString()).toBe('held\n');
  return child;
}

/** The lock's sockets in the kernel: one that listens, and one for each process that waits. */
function socketsOf(tunnelId: string): number {
  const id = createHash('sha256').update(tunnelId).digest('hex').slice(0, 32);
  return readFileSync('/proc/net/unix', 'utf8').split(`@devenv-tunnel-${id}`).length - 1;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

test('a process that waits for the lock learns who has it, and gets it when that process is killed', async () => {
  await withRig({}, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    const child = await holder(mock.tunnelId, 'annex');
    await rig.stop();
    const lock = createTunnelLock({
      tunnelId: mock.tunnelId,
      instance: 'lab',
      timeoutMs: 300,
      clock: systemClock,
    });
    const second = another({ lock, disk: rig.disk });
    second.registerStudent('alice');
    await second.start();
    second.setDesired('alice', true);
    await waitForRig(second, 'the message', () => second.problem('alice') !== null);
    expect(second.problem('alice')).toMatchObject({
      code: 'busy',
      what: expect.stringMatching(/Another devenv on this host \(annex\) has been writing/),
    });
    await expect(second.reconciler.reconcile(true)).rejects.toThrow(/annex/);
    await expect(second.reconciler.reconcile(false)).rejects.toThrow(/annex/);
    expect(mock.calls.filter(({ kind }) => kind === 'config-put')).toEqual([]);
    child.kill('SIGKILL');
    await setAll(second, 'open', ['alice']);
    expect(second.problem('alice')).toBeNull();
  });
});

test('a waiting process gets the lock as soon as its holder releases it, or is killed', async () => {
  const tunnelId = `tunnel-${process.pid}`;
  const child = await holder(tunnelId, 'annex');
  const { signal } = new AbortController();
  // On a clock that stands still no timer fires: only the end of the holder's connection wakes the waiting process.
  const lock = createTunnelLock({ tunnelId, instance: 'lab', timeoutMs: 60_000, clock: new ManualClock() });
  const waiting = lock.acquire(signal);
  await waitFor('the waiting process to be connected', () => socketsOf(tunnelId) > 1);
  child.kill('SIGTERM');
  const held = await waiting;
  if ('heldBy' in held) throw new Error(`held by ${held.heldBy}`);
  // Among processes, and within one.
  const other = createTunnelLock({ tunnelId, instance: 'third', timeoutMs: 50, clock: systemClock });
  expect(await other.acquire(signal)).toEqual({ heldBy: 'lab' });
  const next = other.acquire(AbortSignal.timeout(50));
  expect(await next).toEqual({ heldBy: 'lab' });
  await held.release();
});
