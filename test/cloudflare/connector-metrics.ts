/** What `cloudflared --metrics` serves (its `metrics/` and `orchestration/orchestrator.go`), as far as we read it. */
import { createServer, type Server } from 'node:http';
import type { CloudflareAccount } from './account.ts';
import type { Connector } from './tunnel.ts';
import type { IngressRule } from './tunnel-config.ts';

/** cloudflared shows each rule whole, with what it fills in: the document does not come out as it went in. */
const shownRule = ({ hostname = '', path, service, originRequest = {} }: IngressRule) => ({
  hostname,
  path: path ?? null,
  rewrite: '',
  service,
  Handlers: null,
  originRequest: { connectTimeout: 30, tlsTimeout: 10, tcpKeepAlive: 30, ...originRequest },
});

/** Before its first remote configuration cloudflared is at version -1. */
const versionOf = ({ current }: Connector) => (current.config === null ? -1 : current.version);

function shownConfig(connector: Connector): string {
  const { config } = connector.current;
  return JSON.stringify({
    version: versionOf(connector),
    config: {
      ingress: (config?.ingress ?? [{ service: 'http_status:503' }]).map(shownRule),
      'warp-routing': config?.['warp-routing'] ?? {},
      originRequest: config?.originRequest ?? {},
    },
  });
}

const shownMetrics = (connector: Connector) =>
  [
    '# HELP cloudflared_orchestration_config_version Configuration Version',
    '# TYPE cloudflared_orchestration_config_version gauge',
    `cloudflared_orchestration_config_version ${versionOf(connector)}`,
    '# HELP cloudflared_tunnel_ha_connections Number of active ha connections',
    '# TYPE cloudflared_tunnel_ha_connections gauge',
    `cloudflared_tunnel_ha_connections ${connector.connections.length}`,
    '',
  ].join('\n');

/** Not listening yet. A connector that the account has lost is one that runs, and reaches Cloudflare no more. */
export function createMetricsServer(account: CloudflareAccount, connector: Connector): Server {
  return createServer((request, response) => {
    const send = (status: number, type: string, text: string) =>
      response.writeHead(status, { 'content-type': type }).end(text);
    switch (request.url) {
      case '/config':
        return send(200, 'application/json', shownConfig(connector));
      case '/metrics':
        return send(200, 'text/plain; version=0.0.4; charset=utf-8', shownMetrics(connector));
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
