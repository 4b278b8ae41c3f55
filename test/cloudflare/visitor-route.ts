/** Which way a visitor's request takes: Cloudflare's edge looks at DNS, then a connector at its own rules. */

import type { CloudflareAccount } from './account.ts';
import type { Connector } from './tunnel.ts';
import type { IngressRule, TunnelConfig } from './tunnel-config.ts';

export type VisitorRoute =
  /** Cloudflare's own error page: 530 with a code of the 1000s. */
  | { to: 'edge-error'; code: 1016 | 1033 }
  /** The rule says the status itself (`http_status:404`), or there is no configuration yet. */
  | { to: 'status'; status: number }
  | { to: 'service'; service: URL; hostHeader: string | null }
  /** A service that this mock does not speak to. */
  | { to: 'nowhere'; service: string };

/** Source: `matchHost` in cloudflared's `ingress.go`, without regard to case since 2026. */
function matchesHost(pattern: string, hostname: string): boolean {
  const wished = pattern.toLowerCase();
  if (wished === '' || wished === '*' || wished === hostname) return true;
  return wished.startsWith('*.') && hostname.endsWith(wished.slice(1));
}

/** The first rule from the top that matches; the last one matches everything. `path` without its query. */
export function findRule(config: TunnelConfig, hostname: string, path: string): IngressRule | undefined {
  return config.ingress.find(
    (rule) => matchesHost(rule.hostname ?? '', hostname) && new RegExp(rule.path ?? '').test(path),
  );
}

/** A visitor's way is an answer of Cloudflare's edge unless a proxied CNAME leads to this tunnel. */
function leadsToTunnel(
  account: CloudflareAccount,
  hostname: string,
): 'tunnel' | 'another-tunnel' | 'nowhere' {
  // A wildcard record serves what has no record of its own (RFC 4592).
  const own = account.dns.withName(hostname);
  const records = own.length > 0 ? own : account.dns.withName(hostname.replace(/^[^.]+/, '*'));
  const cname = records.find(({ type, proxied }) => type === 'CNAME' && proxied);
  if (cname === undefined) return 'nowhere';
  if (cname.content === account.tunnelHostname) return 'tunnel';
  return cname.content.endsWith('.cfargotunnel.com') ? 'another-tunnel' : 'nowhere';
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

function wayOfRule({ service, originRequest }: IngressRule, config: TunnelConfig): VisitorRoute {
  const status = /^http_status:(\d+)$/.exec(service)?.[1];
  if (status !== undefined) return { to: 'status', status: Number(status) };
  if (!/^(https?|wss?):\/\//.test(service)) return { to: 'nowhere', service };
  const url = new URL(service);
  if (!LOOPBACK.test(url.hostname)) return { to: 'nowhere', service };
  const hostHeader = { ...config.originRequest, ...originRequest }.httpHostHeader;
  return {
    to: 'service',
    service: url,
    hostHeader: typeof hostHeader === 'string' && hostHeader !== '' ? hostHeader : null,
  };
}

/** `hostname` in lower case and without a port; `connector` is the one that gets the request, if any runs. */
export function routeVisitor(
  account: CloudflareAccount,
  connector: Connector | null,
  hostname: string,
  path: string,
): VisitorRoute {
  switch (leadsToTunnel(account, hostname)) {
    case 'nowhere':
      return { to: 'edge-error', code: 1016 };
    case 'another-tunnel':
      return { to: 'edge-error', code: 1033 };
    case 'tunnel': {
      if (connector === null) return { to: 'edge-error', code: 1033 };
      const { config } = connector.current;
      // cloudflared without rules: "will return 503 for all incoming HTTP requests".
      if (config === null) return { to: 'status', status: 503 };
      const rule = findRule(config, hostname, path);
      return rule === undefined ? { to: 'status', status: 404 } : wayOfRule(rule, config);
    }
  }
}
