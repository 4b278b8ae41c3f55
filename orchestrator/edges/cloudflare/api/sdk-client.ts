/** The SDK's client as we use it: with the settings that it is given, and none that it finds by itself. */
import { BaseRecords } from 'cloudflare/resources/dns/records';
import { createClient } from 'cloudflare/tree-shakable';

export interface ClientOptions {
  token: string;
  baseUrl: string;
  callTimeoutMs: number;
  fetch?: typeof fetch;
}

/**
 * Makes something while the environment holds nothing for the SDK, which reads it when a client is made: keys, an email
 * and headers that are there for other programs would be sent beside our token, or instead of it.
 */
function withoutEnvironment<Made>(make: () => Made): Made {
  const kept = Object.entries(process.env).filter(([name]) => name.startsWith('CLOUDFLARE_'));
  for (const [name] of kept) delete process.env[name];
  try {
    return make();
  } finally {
    for (const [name, value] of kept) process.env[name] = value;
  }
}

/** A client that sends each call once. */
export const createApiClient = (options: ClientOptions) => withoutEnvironment(() => newClient(options));

function newClient(options: ClientOptions) {
  return createClient({
    apiToken: options.token,
    baseURL: options.baseUrl,
    maxRetries: 0,
    timeout: options.callTimeoutMs,
    // The SDK's own log could show headers and bodies.
    logLevel: 'off',
    resources: [BaseRecords],
    ...(options.fetch && { fetch: options.fetch }),
  });
}
