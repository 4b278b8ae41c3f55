/** Checks of the Cloudflare account, each with what to do: those at the start, and those of `devenv doctor`. */
import type { Diagnostic } from '../../domain.ts';
import { DevenvError } from '../../errors.ts';
import { type Budget, CALLS_OF_A_RUN } from './api/budget.ts';
import type { CloudflareApi } from './api/client.ts';
import { type ApiFailure, type FailureKind, failureOf } from './api/failures.ts';
import type { LostUpdate } from './apply/write-ingress.ts';
import type { ConnectorState, Connectors } from './connectors.ts';
import type { Zone } from './zone.ts';

/** What is wrong with the tunnel, as a sentence; null where it uses our rules. */
function tunnelFault({ name, managed, deleted }: Awaited<ReturnType<CloudflareApi['tunnel']>>) {
  if (deleted) return `The tunnel ${name} is deleted.`;
  if (managed === 'cloudflare') return null;
  return `The tunnel ${name} reads its rules from a file on its host and ignores those at Cloudflare.`;
}

const TUNNEL_HINT =
  'Make a tunnel at Cloudflare (Zero Trust, Networks, Tunnels) and set its id as CLOUDFLARE_TUNNEL_ID.';

/**
 * The checks when the edge starts, so that settings that can't work are refused then, and not when a student waits.
 * Resolves to null where zone and tunnel are as they must be, to the failure where they can't be read now: students
 * work without links until they can. Throws `bad-settings` for a token, id, template or tunnel that can't work.
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

export interface CloudflareDiagnosticsDeps {
  api: CloudflareApi;
  connectors: Connectors;
  budget: Budget;
  lost: (LostUpdate & { at: Date }) | null;
}

const WAIT = 'Wait: devenv continues automatically.';

function hintFor(kind: FailureKind): string {
  switch (kind) {
    case 'forbidden':
      return 'Give the token Account / Cloudflare Tunnel / Edit, Zone / DNS / Edit and Zone / Zone / Read.';
    case 'rate-limited':
      return WAIT;
    case 'conflict':
    case 'quota':
    case 'gone':
    case 'invalid':
    case 'unknown':
    case 'aborted':
      return 'Check the network, the ids in the settings, and Cloudflare’s own status page.';
  }
}

async function check(subject: string, task: () => Promise<string>): Promise<Diagnostic> {
  try {
    return { subject, ok: true, found: await task(), next: null };
  } catch (error) {
    const { kind, message } = failureOf(error);
    return { subject, ok: false, found: message, next: hintFor(kind) };
  }
}

/** It may have been deleted, or its rules taken over by a file, since the daemon started. */
async function checkTunnel(api: CloudflareApi): Promise<Diagnostic> {
  let fault: string | null = null;
  const diagnostic = await check('Tunnel', async () => {
    const tunnel = await api.tunnel();
    fault = tunnelFault(tunnel);
    return fault ?? tunnel.name;
  });
  return fault === null ? diagnostic : { ...diagnostic, ok: false, next: TUNNEL_HINT };
}

function connectorDiagnostic(state: ConnectorState): Diagnostic {
  const subject = 'Connector';
  switch (state.kind) {
    case 'version':
      return { subject, ok: true, found: `runs with version ${state.newest}`, next: null };
    case 'no-version':
    case 'not-polled':
      return { subject, ok: true, found: 'connected, its version is not known', next: null };
    case 'none':
      return {
        subject,
        ok: false,
        found: 'none is connected',
        next: 'Run cloudflared with this tunnel’s token.',
      };
    case 'unreachable':
      return {
        subject,
        ok: false,
        found: state.reason,
        next: 'Check cloudflared and DEVENV_CONNECTOR_METRICS.',
      };
  }
}

/** Every check of `devenv doctor`; each is one call. */
export async function diagnoseCloudflare({
  api,
  connectors,
  budget,
  lost,
}: CloudflareDiagnosticsDeps): Promise<Diagnostic[]> {
  const waitMs = budget.waitMs(CALLS_OF_A_RUN);
  return [
    await checkTunnel(api),
    await check('Zone', async () => {
      const [zone, records] = [await api.zoneName(), await api.records()];
      return `${zone}, ${records.length} records`;
    }),
    await check('Rules', async () => `version ${(await api.configuration()).version}`),
    connectorDiagnostic(await connectors.poll()),
    {
      subject: 'Calls',
      ok: waitMs === 0,
      found: waitMs === 0 ? 'within the budget' : `used up for ${Math.ceil(waitMs / 1000)} s`,
      next: waitMs === 0 ? null : WAIT,
    },
    {
      subject: 'Lost updates',
      ok: lost === null,
      found:
        lost === null
          ? 'none seen'
          : `at ${lost.at.toISOString()}, between versions ${lost.read} and ${lost.now}`,
      next:
        lost === null
          ? null
          : 'Another writer changed the tunnel’s configuration at that moment: check whether one of its public hostnames is missing.',
    },
  ];
}
