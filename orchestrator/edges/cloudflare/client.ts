/** The SDK's client as we use it: with the settings that it is given, and none that it finds by itself. */
import { BaseRecords } from 'cloudflare/resources/dns/records';
import { createClient } from 'cloudflare/tree-shakable';

export interface ClientOptions {
  token: string;
  baseUrl: string;
  callTimeoutMs: number;
  fetch?: typeof fetch;
}

/** Each call is sent once. */
export function createApiClient(options: ClientOptions) {
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
