/** `/accounts/{account}/cfd_tunnel/{tunnel}`: the tunnel, its configuration, its connectors. */

import { readObject } from './json.ts';
import { authenticationError, noRoute, tunnelNotFound } from './refusals.ts';
import type { ApiRequest, Route } from './route-types.ts';
import type { ConfigVersion, Connector, Tunnel } from './tunnel.ts';
import { assertConfig } from './tunnel-config.ts';

/** The version that connectors report. */
const CLOUDFLARED_VERSION = '2026.9.1';
const PUT_FIELDS = new Set(['config']);

/** The tunnel that the path names. Throws a Refusal for another account or tunnel. */
function tunnelOf({ account, ids }: ApiRequest): Tunnel {
  const { account: accountId = '', tunnel: tunnelId = '' } = ids;
  if (!/^[0-9a-f]{32}$/.test(accountId)) throw noRoute(`/accounts/${accountId}`);
  if (accountId !== account.id) throw authenticationError();
  if (tunnelId !== account.tunnel.id) throw tunnelNotFound();
  return account.tunnel;
}

const configResult = (tunnel: Tunnel, { version, config, createdAt }: ConfigVersion) => ({
  tunnel_id: tunnel.id,
  version,
  config,
  source: tunnel.source,
  created_at: createdAt,
});

function connectionsOf(connector: Connector) {
  return connector.connections.map(({ id, colo }) => ({
    id,
    uuid: id,
    colo_name: colo,
    client_id: connector.id,
    client_version: CLOUDFLARED_VERSION,
    is_pending_reconnect: false,
    opened_at: connector.runAt,
    origin_ip: '192.0.2.1',
  }));
}

const connectorResult = (connector: Connector) => ({
  id: connector.id,
  version: CLOUDFLARED_VERSION,
  arch: 'linux_amd64',
  features: ['allow_remote_config', 'serialized_headers', 'support_datagram_v2'],
  run_at: connector.runAt,
  config_version: connector.current.version,
  conns: connectionsOf(connector),
});

export const TUNNEL_ROUTES: readonly Route[] = [
  {
    path: 'accounts/:account/cfd_tunnel/:tunnel',
    methods: {
      GET: {
        kind: 'tunnel',
        scope: 'tunnel',
        run(request) {
          const tunnel = tunnelOf(request);
          const isRunning = tunnel.connectors.length > 0;
          return {
            result: {
              id: tunnel.id,
              account_tag: request.account.id,
              created_at: tunnel.createdAt,
              deleted_at: null,
              name: tunnel.name,
              connections: tunnel.connectors.flatMap(connectionsOf),
              conns_active_at: isRunning ? (tunnel.connectors[0]?.runAt ?? null) : null,
              conns_inactive_at: isRunning ? null : tunnel.createdAt,
              tun_type: 'cfd_tunnel',
              metadata: {},
              status: isRunning ? 'healthy' : 'down',
              remote_config: tunnel.source === 'cloudflare',
              config_src: tunnel.source,
            },
          };
        },
      },
    },
  },
  {
    path: 'accounts/:account/cfd_tunnel/:tunnel/configurations',
    methods: {
      GET: {
        kind: 'config-get',
        scope: 'tunnel',
        run(request) {
          const tunnel = tunnelOf(request);
          return { result: configResult(tunnel, tunnel.latest) };
        },
      },
      PUT: {
        kind: 'config-put',
        scope: 'tunnel',
        hasBody: true,
        run(request) {
          const tunnel = tunnelOf(request);
          const { config } = readObject(request.body, PUT_FIELDS, 'the body');
          assertConfig(config);
          return { result: configResult(tunnel, tunnel.put(config)), applied: true };
        },
      },
    },
  },
  {
    path: 'accounts/:account/cfd_tunnel/:tunnel/connections',
    methods: {
      GET: {
        kind: 'connections',
        scope: 'tunnel',
        run: (request) => ({ result: tunnelOf(request).connectors.map(connectorResult) }),
      },
    },
  },
];
