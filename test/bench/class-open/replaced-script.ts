/**
 * The script that this product replaces, as each student's shell ran it: read the tunnel's rules, write them with one
 * more, search the record, create it. With its lock, which waits at most 10 seconds, or without.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MockCloudflare } from '../../cloudflare/index.ts';
import { callApi, pathsOf } from '../../support/mock-api.ts';

const LOCK_TIMEOUT_MS = 10_000;

interface Rule {
  hostname?: string;
  service: string;
}

async function addLink(mock: MockCloudflare, hostname: string, service: string): Promise<void> {
  const { configuration, records } = pathsOf(mock);
  const { body } = await callApi(mock, configuration);
  const { config } = body.result as { config: { ingress: Rule[] } | null };
  const ingress = config?.ingress ?? [{ service: 'http_status:404' }];
  const rules = [{ hostname, service }, ...ingress];
  await callApi(mock, configuration, { method: 'PUT', body: { config: { ...config, ingress: rules } } });
  const found = await callApi(mock, `${records}?name=${hostname}`);
  if ((found.body.result as unknown[]).length > 0) return;
  const record = { name: hostname, type: 'CNAME', content: mock.account.tunnelHostname, proxied: true };
  await callApi(mock, records, { body: record });
}

/** `flock -w 10`: first come, first served. */
class FileLock {
  #queue: Promise<unknown> = Promise.resolve();

  /** Runs the task in its turn; after the timeout not at all. */
  async run(task: () => Promise<void>): Promise<void> {
    const before = this.#queue;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue = before.then(() => promise);
    const isMine = await Promise.race([before.then(() => true), sleep(LOCK_TIMEOUT_MS, false)]);
    try {
      if (isMine) await task();
    } finally {
      resolve();
    }
  }
}

export interface ScriptRun {
  /** Until the last shell had finished, in ms. */
  tookMs: number;
  calls: number;
  /** Links that have both rule and record when all have finished. */
  live: number;
}

/** All students' shells run it at once. */
export async function runScript(mock: MockCloudflare, count: number, hasLock: boolean): Promise<ScriptRun> {
  const hostnames = Array.from({ length: count }, (_, index) => `old${index}.${mock.zoneName}`);
  const lock = new FileLock();
  const from = mock.calls.length;
  const started = performance.now();
  await Promise.all(
    hostnames.map(async (hostname, index) => {
      const add = () => addLink(mock, hostname, `http://127.0.0.1:${3001 + index}`);
      await (hasLock ? lock.run(add) : add());
    }),
  );
  const tookMs = performance.now() - started;
  const rules = new Set((mock.account.tunnel.config?.ingress ?? []).map(({ hostname }) => hostname));
  const live = hostnames.filter(
    (name) => rules.has(name) && mock.account.dns.withName(name).length > 0,
  ).length;
  const calls = mock.calls.length - from;
  for (const name of hostnames)
    for (const { id } of mock.account.dns.withName(name)) mock.foreign.removeRecord(id);
  mock.foreign.putConfig((config) => ({
    ...config,
    ingress: config.ingress.filter(({ hostname }) => !hostnames.includes(hostname ?? '')),
  }));
  return { tookMs, calls, live };
}
