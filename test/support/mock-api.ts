/** Plain HTTP calls to the mock of Cloudflare's API, for tests that check what is on the wire rather than in the SDK. */
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
  /** The unparsed body. */
  text: string;
  /** The code of the first error; null without one. */
  code: number | null;
}

export interface ApiCall {
  method?: string;
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Sends one call; `path` is below the base URL. Rejects if there is no HTTP response or its body is not JSON. */
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

/** The paths of the mock's tunnel and zone. */
export const pathsOf = ({ accountId, tunnelId, zoneId }: MockCloudflare) => ({
  tunnel: `/accounts/${accountId}/cfd_tunnel/${tunnelId}`,
  configuration: `/accounts/${accountId}/cfd_tunnel/${tunnelId}/configurations`,
  connections: `/accounts/${accountId}/cfd_tunnel/${tunnelId}/connections`,
  zone: `/zones/${zoneId}`,
  records: `/zones/${zoneId}/dns_records`,
  batch: `/zones/${zoneId}/dns_records/batch`,
});

/** A write that the API accepts: a configuration without links. */
export const putConfig = (mock: MockCloudflare, call: ApiCall = {}): Promise<ApiAnswer> =>
  callApi(mock, pathsOf(mock).configuration, {
    method: 'PUT',
    body: { config: { ingress: [{ service: 'http_status:404' }] } },
    ...call,
  });

/** What the client sees of a call: status and code, or the name of the error. */
export async function clientView(answer: Promise<ApiAnswer>): Promise<string> {
  try {
    const { status, code } = await answer;
    return `${status} ${code}`;
  } catch (error) {
    if (error instanceof SyntaxError) return 'no JSON';
    // fetch's errors come from outside jest's realm, so `instanceof Error` is false for them.
    const { name, cause } = error as { name: string; cause?: { code?: string } };
    return cause?.code ?? name;
  }
}

/** Whether the call with that index has arrived and ended. */
export const hasEnded = ({ calls }: MockCloudflare, index: number) =>
  typeof calls[index]?.endedAt === 'number';
