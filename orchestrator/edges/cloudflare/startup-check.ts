/** What is looked at when the edge starts: settings that can't work are refused then, not when the first student waits. */
import { DevenvError } from '../../errors.ts';
import type { CloudflareApi } from './api/client.ts';
import { type ApiFailure, failureOf } from './api/failures.ts';
import type { Zone } from './zone.ts';

/** What is wrong with the tunnel, as a sentence; null where our rules are heard on it. */
export function tunnelFault({ name, managed, deleted }: Awaited<ReturnType<CloudflareApi['tunnel']>>) {
  if (deleted) return `The tunnel ${name} is deleted.`;
  if (managed === 'cloudflare') return null;
  return `The tunnel ${name} reads its rules from a file of its host, so rules at Cloudflare are not heard.`;
}

export const TUNNEL_HINT =
  'Make a tunnel at Cloudflare (Zero Trust, Networks, Tunnels) and set its id as CLOUDFLARE_TUNNEL_ID.';

/**
 * Resolves to null where zone and tunnel are as they must be, to the failure where that can't be asked now: students
 * then work without links until it can. Throws `bad-settings` for a token, id, template or tunnel that can't work.
 */
export async function checkAtStart(zone: Zone, api: CloudflareApi): Promise<ApiFailure | null> {
  try {
    await zone.learn();
    zone.check();
    const fault = tunnelFault(await api.tunnel());
    if (fault !== null) throw new DevenvError({ code: 'bad-settings', what: fault, next: TUNNEL_HINT });
    return null;
  } catch (error) {
    if (error instanceof DevenvError) throw error;
    const failure = failureOf(error);
    if (failure.kind !== 'forbidden' && failure.kind !== 'invalid') return failure;
    throw new DevenvError({
      code: 'bad-settings',
      what: `Cloudflare refuses the token or the ids of account, tunnel and zone: ${failure.message}.`,
      next: 'Check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_TUNNEL_ID and CLOUDFLARE_ZONE_ID, and that the token has Account / Cloudflare Tunnel / Edit, Zone / DNS / Edit and Zone / Zone / Read.',
    });
  }
}
