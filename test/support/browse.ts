/** Plain HTTP like a visitor's browser, but to an address that the test chooses. */
import { type Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Visit {
  port: number;
  host: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  timeoutMs?: number;
  /** Reuses connections; by default each visit has its own. */
  agent?: Agent;
}

/** Sends one request; rejects if no complete response comes. */
export function browse(visit: Visit): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const {
      port,
      host,
      path = '/',
      method = 'GET',
      headers = {},
      body,
      timeoutMs = 60_000,
      agent = false,
    } = visit;
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { host, ...headers },
        agent,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    outgoing.setTimeout(timeoutMs, () =>
      outgoing.destroy(new Error(`no answer from ${host} in ${timeoutMs} ms`)),
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
