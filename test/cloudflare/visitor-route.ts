/** Where a visitor's request goes: Cloudflare's edge checks DNS, then a connector applies its ingress rules. */

import type { CloudflareAccount } from './account.ts';
import type { Connector } from './tunnel.ts';
import type { IngressRule, TunnelConfig } from './tunnel-config.ts';

export type VisitorRoute =
  /** Cloudflare's own error page: 530 with a code of the 1000s. */
  | { kind: 'edge-error'; code: 1016 | 1033 }
  /** The rule names a status (`http_status:404`), or there is no configuration yet. */
  | { kind: 'status'; status: number }
  | { kind: 'service'; service: URL; hostHeader: string | null }
  /** The rule names a service that the mock does not forward to. */
  | { kind: 'unsupported'; service: string };

/** As `matchHost` in cloudflared's `ingress.go`, which ignores case since 2026. */
function matchesHost(pattern: string, hostname: string): boolean {
  const wanted = pattern.toLowerCase();
  if (wanted === '' || wanted === '*' || wanted === hostname) return true;
  return wanted.startsWith('*.') && hostname.endsWith(wanted.slice(1));
}

/** The first rule that matches; the last rule matches everything. `path` has no query. */
export function findRule(config: TunnelConfig, hostname: string, path: string): IngressRule | undefined {
  return config.ingress.find(
    (rule) => matchesHost(rule.hostname ?? '', hostname) && new RegExp(rule.path ?? '').test(path),
  );
}

/** What the hostname's DNS record points to. Only a proxied CNAME of the tunnel reaches it. */
function dnsTarget(account: CloudflareAccount, hostname: string): 'tunnel' | 'another-tunnel' | 'nowhere' {
  // A wildcard record applies to names without a record of their own (RFC 4592).
  const own = account.dns.withName(hostname);
  const records = own.length > 0 ? own : account.dns.withName(hostname.replace(/^[^.]+/, '*'));
  const cname = records.find(({ type, proxied }) => type === 'CNAME' && proxied);
  if (cname === undefined) return 'nowhere';
  if (cname.content === account.tunnelHostname) return 'tunnel';
  return cname.content.endsWith('.cfargotunnel.com') ? 'another-tunnel' : 'nowhere';
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

function routeOfRule({ service, originRequest }: IngressRule, config: TunnelConfig): VisitorRoute {
  const status = /^http_status:(\d+)$/.exec(service)?.[1];
  if (status !== undefined) return { kind: 'status', status: Number(status) };
  if (!/^(https?|wss?):\/\//.test(service)) return { kind: 'unsupported', service };
  const url = new URL(service);
  if (!LOOPBACK.test(url.hostname)) return { kind: 'unsupported', service };
  const hostHeader = { ...config.originRequest, ...originRequest }.httpHostHeader;
  return {
    kind: 'service',
    service: url,
    hostHeader: typeof hostHeader === 'string' && hostHeader !== '' ? hostHeader : null,
  };
}

/** `hostname` is in lower case and has no port; `connector` is the one that gets the request, null if none runs. */
export function routeVisitor(
  account: CloudflareAccount,
  connector: Connector | null,
  hostname: string,
  path: string,
): VisitorRoute {
  switch (dnsTarget(account, hostname)) {
    case 'nowhere':
      return { kind: 'edge-error', code: 1016 };
    case 'another-tunnel':
      return { kind: 'edge-error', code: 1033 };
    case 'tunnel': {
      if (connector === null) return { kind: 'edge-error', code: 1033 };
      const { config } = connector.current;
      // cloudflared without rules "will return 503 for all incoming HTTP requests" (its log line).
      if (config === null) return { kind: 'status', status: 503 };
      const rule = findRule(config, hostname, path);
      return rule === undefined ? { kind: 'status', status: 404 } : routeOfRule(rule, config);
    }
  }
}
