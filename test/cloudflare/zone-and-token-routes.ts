/** `/zones` and `…/tokens/verify`: the account's zone, and whether the token is valid. */

import type { CloudflareAccount } from './account.ts';
import { PAGE_PARAMETERS, paginate } from './pagination.ts';
import { authenticationError, noRoute, unauthorized } from './refusals.ts';
import type { Route } from './route-types.ts';

const zoneResult = (account: CloudflareAccount) => ({
  id: account.zoneId,
  name: account.zoneName,
  status: 'active',
  paused: false,
  type: 'full',
  development_mode: 0,
  name_servers: ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'],
  original_name_servers: null,
  original_registrar: null,
  original_dnshost: null,
  created_on: account.createdAt,
  modified_on: account.createdAt,
  activated_on: account.createdAt,
  meta: { step: 4, custom_certificate_quota: 0, page_rule_quota: 3, phishing_detected: false },
  owner: { id: null, type: 'user', email: null },
  account: { id: account.id, name: 'Classroom' },
  permissions: ['#dns_records:edit', '#dns_records:read', '#zone:read'],
  plan: account.plan.zone,
});

const verifiedToken = ({ tokenId }: CloudflareAccount) => ({ id: tokenId, status: 'active' });

export const ZONE_AND_TOKEN_ROUTES: readonly Route[] = [
  {
    path: 'user/tokens/verify',
    methods: { GET: { kind: 'token', run: ({ account }) => ({ result: verifiedToken(account) }) } },
  },
  {
    path: 'accounts/:account/tokens/verify',
    methods: {
      GET: {
        kind: 'token',
        run({ account, ids }) {
          if (ids.account !== account.id) throw authenticationError();
          return { result: verifiedToken(account) };
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
        run({ account, query }) {
          const filters: [string, string][] = [
            ['name', account.zoneName],
            ['status', 'active'],
            ['account.id', account.id],
          ];
          const isMatch = filters.every(
            ([name, value]) => (query.get(name) ?? value).toLowerCase() === value,
          );
          // 20 and 50 are from the API reference of "List Zones".
          return paginate(isMatch ? [zoneResult(account)] : [], query, { defaultSize: 20, maxSize: 50 });
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
        run({ account, ids }) {
          const { zone = '' } = ids;
          if (!/^[0-9a-f]{32}$/.test(zone)) throw noRoute(`/zones/${zone}`);
          if (zone !== account.zoneId) throw unauthorized();
          return { result: zoneResult(account) };
        },
      },
    },
  },
];
