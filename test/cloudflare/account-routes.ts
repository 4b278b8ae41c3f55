/** `/zones` and `…/tokens/verify`: what there is, and whether the token is good. */
import type { Route } from './api.ts';
import { PAGE_PARAMETERS, paginate } from './pagination.ts';
import { authenticationError, noRoute, unauthorized } from './refusals.ts';
import type { World } from './world.ts';

const zoneResult = (world: World) => ({
  id: world.zoneId,
  name: world.zoneName,
  status: 'active',
  paused: false,
  type: 'full',
  development_mode: 0,
  name_servers: ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'],
  original_name_servers: null,
  original_registrar: null,
  original_dnshost: null,
  created_on: world.createdAt,
  modified_on: world.createdAt,
  activated_on: world.createdAt,
  meta: { step: 4, custom_certificate_quota: 0, page_rule_quota: 3, phishing_detected: false },
  owner: { id: null, type: 'user', email: null },
  account: { id: world.accountId, name: 'Classroom' },
  permissions: ['#dns_records:edit', '#dns_records:read', '#zone:read'],
  plan: world.plan.zone,
});

const verified = ({ tokenId }: World) => ({ id: tokenId, status: 'active' });

export const ACCOUNT_ROUTES: readonly Route[] = [
  {
    path: 'user/tokens/verify',
    methods: { GET: { kind: 'token', run: ({ world }) => ({ result: verified(world) }) } },
  },
  {
    path: 'accounts/:account/tokens/verify',
    methods: {
      GET: {
        kind: 'token',
        run({ world, ids }) {
          if (ids.account !== world.accountId) throw authenticationError();
          return { result: verified(world) };
        },
      },
    },
  },
  {
    path: 'zones',
    methods: {
      GET: {
        kind: 'zone',
        scope: 'zone',
        query: new Set(['name', 'status', 'account.id', ...PAGE_PARAMETERS]),
        run({ world, query }) {
          const wished: [string, string][] = [
            ['name', world.zoneName],
            ['status', 'active'],
            ['account.id', world.accountId],
          ];
          const found = wished.every(([name, value]) => (query.get(name) ?? value).toLowerCase() === value);
          // Source of 20 and 50: the API reference of "List Zones".
          return paginate(found ? [zoneResult(world)] : [], query, { perPage: 20, most: 50 });
        },
      },
    },
  },
  {
    path: 'zones/:zone',
    methods: {
      GET: {
        kind: 'zone',
        scope: 'zone',
        run({ world, ids }) {
          const { zone = '' } = ids;
          if (!/^[0-9a-f]{32}$/.test(zone)) throw noRoute(`/zones/${zone}`);
          if (zone !== world.zoneId) throw unauthorized();
          return { result: zoneResult(world) };
        },
      },
    },
  },
];
