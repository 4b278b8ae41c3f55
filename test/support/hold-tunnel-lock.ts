/** A process of its own that holds the lock on a tunnel until it is ended: `node hold-tunnel-lock.ts TUNNEL INSTANCE`. */
import { systemClock } from '../../orchestrator/clock.ts';
import { createTunnelLock } from '../../orchestrator/edges/cloudflare/apply/tunnel-lock.ts';

const [tunnelId = '', instance = ''] = process.argv.slice(2);
const lock = createTunnelLock({ tunnelId, instance, timeoutMs: 30_000, clock: systemClock });
const held = await lock.acquire(new AbortController().signal);
process.stdout.write('heldBy' in held ? `busy: ${held.heldBy}\n` : 'held\n');
process.once('SIGTERM', () => {
  if ('release' in held) void held.release().then(() => process.exit(0));
});
setInterval(() => {}, 1 << 30);
