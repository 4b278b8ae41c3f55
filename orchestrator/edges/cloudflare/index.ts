/** From the settings to the edge. The token is read here, and nowhere else. */
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import { DevenvError, systemCodeOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Settings } from '../../settings-schema.ts';
import { CloudflareEdge, type CloudflareEdgeOptions } from './edge.ts';

function refuse(what: string, next: string): never {
  throw new DevenvError({ code: 'bad-settings', what, next });
}

/** The token: never a setting, so that nothing that shows settings can show it. Throws `bad-settings`. */
export function readToken(env: NodeJS.ProcessEnv, file: string | undefined): string {
  const direct = env.CLOUDFLARE_API_TOKEN?.trim();
  if (direct) return checkToken(direct, 'CLOUDFLARE_API_TOKEN');
  if (file === undefined) {
    refuse(
      'The cloudflare edge needs an API token.',
      'Put it into a file that only this user can read, and name that in CLOUDFLARE_API_TOKEN_FILE (or cloudflare.tokenFile).',
    );
  }
  let token = '';
  try {
    if (statSync(file).mode & 0o077)
      refuse(`The token's file ${file} can be read by others.`, `chmod 600 ${file}`);
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof DevenvError) throw error;
    const reason = systemCodeOf(error) ?? 'unknown';
    refuse(`The token's file ${file} can't be read (${reason}).`, 'Check CLOUDFLARE_API_TOKEN_FILE.');
  }
  return checkToken(token, `The token's file ${file}`);
}

/** One word that a header can contain: else the first call would fail with the SDK's own words. */
function checkToken(token: string, where: string): string {
  if (!/^[\x21-\x7e]+$/.test(token))
    refuse(`${where} holds no token.`, 'It holds the token alone, on one line.');
  return token;
}

/** The edge that the settings describe; connects to nothing yet. Throws `bad-settings` with all that is missing. */
export function createCloudflare(options: {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  store: CloudflareEdgeOptions['store'];
  clock: Clock;
  log: Log;
}): CloudflareEdge {
  const { settings, env, store, clock, log } = options;
  const { accountId, tunnelId, zoneId, tokenFile, metrics, ...more } = settings.cloudflare;
  if (accountId === undefined || tunnelId === undefined || zoneId === undefined) {
    const needed = {
      CLOUDFLARE_ACCOUNT_ID: accountId,
      CLOUDFLARE_TUNNEL_ID: tunnelId,
      CLOUDFLARE_ZONE_ID: zoneId,
    };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
    refuse(
      `The cloudflare edge needs ${missing.join(', ')}.`,
      'Set what is missing, or DEVENV_EDGE=local. docs/configuration.md lists every setting.',
    );
  }
  return new CloudflareEdge({
    instance: settings.instance,
    token: readToken(env, tokenFile),
    accountId: accountId.toLowerCase(),
    tunnelId: tunnelId.toLowerCase(),
    zoneId: zoneId.toLowerCase(),
    baseUrl: more.baseUrl.replace(/\/+$/, ''),
    hostname: settings.hostname,
    allowDeep: more.deepHostnames,
    dns: more.dns,
    graceMs: settings.times.dns * 1000,
    budget: more.budget,
    callTimeoutMs: more.timeout * 1000,
    metrics: metrics ?? null,
    store,
    clock,
    log,
  });
}
