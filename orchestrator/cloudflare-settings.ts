/** The settings of the Cloudflare edge. */
import { Type } from 'typebox';
import { closed, Flag, PORT, Text, Whole } from './settings-fields.ts';

/** An id of a Cloudflare account or zone. */
const Id = (env: string, description: string) =>
  Text(env, description, { pattern: '^[0-9a-fA-F]{32}$', form: 'an id of 32 hex digits' });

export const CloudflareSettings = Type.Object(
  {
    tokenFile: Text(
      'CLOUDFLARE_API_TOKEN_FILE',
      'File that contains the API token (alternative: the variable `CLOUDFLARE_API_TOKEN`)',
    ),
    accountId: Id('CLOUDFLARE_ACCOUNT_ID', 'Id of the account'),
    tunnelId: Text('CLOUDFLARE_TUNNEL_ID', 'Id of the tunnel; it must be managed at Cloudflare', {
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      form: 'an id like 6ff42ae2-765d-4adf-8112-31c55c1551ef',
    }),
    zoneId: Id('CLOUDFLARE_ZONE_ID', 'Id of the zone that contains the hostnames'),
    baseUrl: Text('CLOUDFLARE_BASE_URL', 'Base URL of the API', {
      default: 'https://api.cloudflare.com/client/v4',
      pattern: '^https?://[^\\s/]+',
      form: 'a URL that begins with https://',
    }),
    dns: Type.Union([Type.Literal('student'), Type.Literal('session')], {
      env: 'DEVENV_DNS',
      description:
        'Lifetime of DNS records: from `create` to `rm` (`student`), or only while a link is open (`session`, for small quotas)',
      default: 'student',
    }),
    deepHostnames: Flag(
      'DEVENV_DEEP_HOSTNAMES',
      'Allow hostnames more than one level below the zone; they need a certificate that you order at Cloudflare',
    ),
    budget: Whole(
      'DEVENV_CLOUDFLARE_BUDGET',
      'Most API calls in 5 minutes; Cloudflare allows each user 1,200',
      {
        default: 600,
        minimum: 20,
        maximum: 1200,
      },
    ),
    timeout: Type.Number({
      env: 'DEVENV_CLOUDFLARE_TIMEOUT',
      description:
        'Timeout of an API call in seconds; after a timeout devenv waits as long again for late effects',
      default: 10,
      minimum: 0.1,
      maximum: 300,
    }),
    metrics: Text(
      'DEVENV_CONNECTOR_METRICS',
      "`host:port` of cloudflared's metrics: tells devenv when a link is live",
      {
        pattern: `^[^:\\s]+:${PORT}$`,
        form: 'an address and port like 127.0.0.1:20241',
      },
    ),
  },
  closed,
);
