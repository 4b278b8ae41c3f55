/** Plain HTTP towards the mock of Cloudflare's API: what the wire says, without the SDK's help. */
import type { MockCloudflare } from '../cloudflare/index.ts';

export interface ApiAnswer {
  status: number;
  headers: Headers;
  /** Cloudflare's envelope. */
  body: {
    success: boolean;
    errors: { code: number; message: string }[];
    messages: unknown[];
    result: unknown;
    result_info?: Record<string, number>;
  };
  /** The body as it came. */
  text: string;
  /** The code of the first error; null where there is none. */
  code: number | null;
}

export interface ApiCall {
  method?: string;
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Sends one call; `path` stands below the base URL. Rejects only where there is no HTTP answer, or no JSON. */
export async function callApi(mock: MockCloudflare, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
  const { method = call.body === undefined ? 'GET' : 'POST', body, token = mock.token, signal } = call;
  const response = await fetch(mock.baseUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...call.headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  const envelope = JSON.parse(text) as ApiAnswer['body'];
  const code = envelope.errors[0]?.code ?? null;
  return { status: response.status, headers: response.headers, body: envelope, text, code };
}

/** The paths of the mock's own tunnel and zone. */
export const pathsOf = ({ accountId, tunnelId, zoneId }: MockCloudflare) => ({
  tunnel: `/accounts/${accountId}/cfd_tunnel/${tunnelId}`,
  configuration: `/accounts/${accountId}/cfd_tunnel/${tunnelId}/configurations`,
  connections: `/accounts/${accountId}/cfd_tunnel/${tunnelId}/connections`,
  zone: `/zones/${zoneId}`,
  records: `/zones/${zoneId}/dns_records`,
  batch: `/zones/${zoneId}/dns_records/batch`,
});
