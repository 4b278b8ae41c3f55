/** What `devenv doctor` looks at on the cloudflare edge, each with what to do. */
import type { Diagnostic } from '../../domain.ts';
import { type Budget, CALLS_OF_A_RUN } from './api/budget.ts';
import type { CloudflareApi } from './api/client.ts';
import { type FailureKind, failureOf } from './api/failures.ts';
import type { LostUpdate } from './apply/write-ingress.ts';
import type { ConnectorState, Connectors } from './connectors.ts';
import { TUNNEL_HINT, tunnelFault } from './startup-check.ts';

export interface CloudflareDiagnosticsDeps {
  api: CloudflareApi;
  connectors: Connectors;
  budget: Budget;
  lost: (LostUpdate & { at: Date }) | null;
}

const WAIT = 'Wait: it goes on by itself.';

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

async function look(subject: string, task: () => Promise<string>): Promise<Diagnostic> {
  try {
    return { subject, ok: true, found: await task(), next: null };
  } catch (error) {
    const { kind, message } = failureOf(error);
    return { subject, ok: false, found: message, next: hintFor(kind) };
  }
}

/** It may have been deleted, or its rules taken over by a file, since the daemon started. */
async function lookAtTunnel(api: CloudflareApi): Promise<Diagnostic> {
  let fault: string | null = null;
  const seen = await look('Tunnel', async () => {
    const tunnel = await api.tunnel();
    fault = tunnelFault(tunnel);
    return fault ?? tunnel.name;
  });
  return fault === null ? seen : { ...seen, ok: false, next: TUNNEL_HINT };
}

function connectorExamination(state: ConnectorState): Diagnostic {
  const subject = 'Connector';
  switch (state.kind) {
    case 'version':
      return { subject, ok: true, found: `runs with version ${state.newest}`, next: null };
    case 'silent':
    case 'unasked':
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
        found: state.why,
        next: 'Check cloudflared and DEVENV_CONNECTOR_METRICS.',
      };
  }
}

/** Every check; each is one call. */
export async function diagnoseCloudflare({
  api,
  connectors,
  budget,
  lost,
}: CloudflareDiagnosticsDeps): Promise<Diagnostic[]> {
  const waitMs = budget.waitMs(CALLS_OF_A_RUN);
  return [
    await lookAtTunnel(api),
    await look('Zone', async () => {
      const [zone, records] = [await api.zoneName(), await api.records()];
      return `${zone}, ${records.length} records`;
    }),
    await look('Rules', async () => `version ${(await api.configuration()).version}`),
    connectorExamination(await connectors.look()),
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
          : 'Somebody else wrote the tunnel’s configuration at that moment: look whether a public hostname of theirs is missing.',
    },
  ];
}
