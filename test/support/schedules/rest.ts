/** Waits until nothing changes any more, though it was looked at: by then everything must be as it should be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isWrite } from '../../cloudflare/calls.ts';
import type { CloudflareRig } from '../cloudflare-rig.ts';

/** By then all must have come to rest, in ms. */
const PATIENCE = 20_000;
const PAUSE = 40;

/** One look at everything. Resolves to what went wrong, or was written though nothing differed. */
async function look({ publisher, mock }: CloudflareRig): Promise<string[]> {
  while (mock.calls.some(({ endedAt }) => endedAt === null)) await sleep(5);
  const from = mock.calls.length;
  try {
    await publisher.reconcile(true);
  } catch (error) {
    return [`the reconcile failed: ${error instanceof Error ? error.message : error}`];
  }
  const writes = mock.calls.slice(from).filter(({ kind }) => isWrite(kind));
  return writes.length > 0 ? [`${writes.length} writes in a reconcile`] : [];
}

/** Resolves to what is still not so when the patience is over. */
export async function comeToRest(rig: CloudflareRig, faultsAtRest: () => string[]): Promise<string[]> {
  for (const deadline = performance.now() + PATIENCE; ; await sleep(PAUSE)) {
    const faults = [...(await look(rig)), ...faultsAtRest()];
    if (faults.length === 0 || performance.now() > deadline) return faults;
  }
}
