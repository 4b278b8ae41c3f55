/** The part of `cloudflared --metrics` that devenv reads (cloudflared's `metrics/` and `orchestration/orchestrator.go`). */
import { createServer, type Server } from 'node:http';
import type { CloudflareAccount } from './account.ts';
import type { Connector } from './tunnel.ts';
import type { IngressRule } from './tunnel-config.ts';

/** cloudflared shows each rule with its defaults filled in, so the document differs from the one that was written. */
const ruleView = ({ hostname = '', path, service, originRequest = {} }: IngressRule) => ({
  hostname,
  path: path ?? null,
  rewrite: '',
  service,
  Handlers: null,
  originRequest: { connectTimeout: 30, tlsTimeout: 10, tcpKeepAlive: 30, ...originRequest },
});

/** cloudflared reports version -1 before its first remote configuration. */
const versionOf = ({ current }: Connector) => (current.config === null ? -1 : current.version);

function configView(connector: Connector): string {
  const { config } = connector.current;
  return JSON.stringify({
    version: versionOf(connector),
    config: {
      ingress: (config?.ingress ?? [{ service: 'http_status:503' }]).map(ruleView),
      'warp-routing': config?.['warp-routing'] ?? {},
      originRequest: config?.originRequest ?? {},
    },
  });
}

const metricsText = (connector: Connector) =>
  [
    '# HELP cloudflared_orchestration_config_version Configuration Version',
    '# TYPE cloudflared_orchestration_config_version gauge',
    `cloudflared_orchestration_config_version ${versionOf(connector)}`,
    '# HELP cloudflared_tunnel_ha_connections Number of active ha connections',
    '# TYPE cloudflared_tunnel_ha_connections gauge',
    `cloudflared_tunnel_ha_connections ${connector.connections.length}`,
    '',
  ].join('\n');

/**
 * Creates the metrics server of a connector; the caller makes it listen. A connector that was removed from the account
 * plays one that still runs but lost its connection to Cloudflare: it reports that it is not ready.
 */
export function createMetricsServer(account: CloudflareAccount, connector: Connector): Server {
  return createServer((request, response) => {
    const send = (status: number, type: string, text: string) =>
      response.writeHead(status, { 'content-type': type }).end(text);
    switch (request.url) {
      case '/config':
        return send(200, 'application/json', configView(connector));
      case '/metrics':
        return send(200, 'text/plain; version=0.0.4; charset=utf-8', metricsText(connector));
      case '/ready': {
        const ready = account.connectors.includes(connector) ? connector.connections.length : 0;
        const status = ready > 0 ? 200 : 503;
        const body = { status, readyConnections: ready, connectorId: connector.id };
        return send(status, 'text/plain; charset=utf-8', JSON.stringify(body));
      }
      case '/healthcheck':
        return send(200, 'text/plain; charset=utf-8', 'OK\n');
      default:
        return send(404, 'text/plain; charset=utf-8', '404 page not found\n');
    }
  });
}
