/** Reconciles until a reconcile writes nothing more. By then the final state must be right. */
import type { Clock } from '../../../orchestrator/clock.ts';
import { isWrite } from '../../cloudflare/calls.ts';
import type { CloudflareRig } from '../cloudflare-rig.ts';

const STABLE_TIMEOUT_MS = 20_000;
const RECONCILE_INTERVAL_MS = 40;
const POLL_MS = 5;

/** One reconcile. Resolves to why the state is not stable yet. */
async function reconcileOnce({ reconciler, mock }: CloudflareRig, clock: Clock): Promise<string[]> {
  while (mock.calls.some(({ endedAt }) => endedAt === null)) await clock.sleep(POLL_MS);
  const from = mock.calls.length;
  try {
    await reconciler.reconcile(true);
  } catch (error) {
    return [`the reconcile failed: ${error instanceof Error ? error.message : error}`];
  }
  const writes = mock.calls.slice(from).filter(({ kind }) => isWrite(kind));
  return writes.length > 0 ? [`${writes.length} writes in a reconcile`] : [];
}

/** Resolves to what is still wrong after the timeout; empty where all is right. */
export async function waitUntilStable(
  rig: CloudflareRig,
  clock: Clock,
  finalStateErrors: () => string[],
): Promise<string[]> {
  const deadlineMs = clock.monotonicMs() + STABLE_TIMEOUT_MS;
  for (;;) {
    const errors = [...(await reconcileOnce(rig, clock)), ...finalStateErrors()];
    if (errors.length === 0 || clock.monotonicMs() > deadlineMs) return errors;
    await clock.sleep(RECONCILE_INTERVAL_MS);
  }
}
