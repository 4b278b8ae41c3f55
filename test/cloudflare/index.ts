/**
 * A Cloudflare to test against: the two resources of the edge, with their strictness, limits and faults, over real
 * HTTP. It is stricter than the real one wherever that is not known: what passes here should pass there. A call whose
 * request has arrived whole takes effect whatever becomes of the client, as at the real one.
 */
import { once } from 'node:events';
import { CloudflareAccount } from './account.ts';
import type { Call, CallHook, Overlap } from './calls.ts';
import { Faults } from './faults.ts';
import { createForeignWriter, type ForeignWriter } from './foreign-writer.ts';
import type { Latency } from './latency.ts';
import type { PlanName } from './plans.ts';
import { CLOUDFLARE_RATE_LIMIT, type RateLimit, RateLimiter } from './rate-limiter.ts';
import { seededRandom } from './seeded-random.ts';
import { ApiServer, BASE_PATH } from './server.ts';

export type { CloudflareAccount } from './account.ts';
export type { Call, CallHook, CallKind, CallPhase, Overlap } from './calls.ts';
export { MockConnector } from './connector.ts';
export type { DnsRecord } from './dns-record.ts';
export { ALL_FAULTS, type Fault, type FaultSpec } from './faults.ts';
export type { ForeignWriter, NewRecord } from './foreign-writer.ts';
export type { Latency } from './latency.ts';
export type { PlanName } from './plans.ts';
export type { RateLimit } from './rate-limiter.ts';
export { pick, seededRandom } from './seeded-random.ts';
export type { IngressRule, TunnelConfig } from './tunnel-config.ts';

export interface MockOptions {
  /** 0, the default, for any free one. */
  port?: number;
  /** A Free zone made today (the default), or a paid one. */
  plan?: PlanName;
  latency?: Latency;
  /** Cloudflare's own where it is not scaled down. */
  rateLimit?: Partial<RateLimit>;
  /** Of ids, tokens, codes and jitter: the same seed, the same mock. Random by default. */
  seed?: number;
  /** From a configuration's acceptance until the connector has it, in ms. */
  connectorDelayMs?: number;
  /** How many `cloudflared` run: one by default. */
  connectors?: number;
  zoneName?: string;
  /** The clock, in ms since 1970: for tests with a time of their own. Latency is in real time all the same. */
  now?: () => number;
}

/** Monotonic and finer than `Date.now`, so that two calls of one millisecond have an order. */
const clock = () => performance.timeOrigin + performance.now();

export class MockCloudflare {
  readonly account: CloudflareAccount;
  readonly faults = new Faults();
  /** Somebody else's writes. */
  readonly foreign: ForeignWriter;
  /** Called in each phase of each call. */
  onCall: CallHook | null = null;
  readonly seed: number;
  readonly #server: ApiServer;
  readonly #limiter: RateLimiter;

  private constructor(options: MockOptions) {
    const { plan = 'free', zoneName = 'example.com', latency = { ms: 0 }, now = clock } = options;
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    const random = seededRandom(this.seed);
    this.account = new CloudflareAccount({ zoneName, plan, random, now });
    for (let count = options.connectors ?? 1; count > 0; count -= 1) {
      this.account.tunnel.addConnector(options.connectorDelayMs ?? 0);
    }
    this.#limiter = new RateLimiter({ ...CLOUDFLARE_RATE_LIMIT, ...options.rateLimit }, now);
    this.foreign = createForeignWriter(this.account, this.#limiter);
    this.#server = new ApiServer({
      account: this.account,
      faults: this.faults,
      limiter: this.#limiter,
      latency,
      random,
      now,
      hook: () => this.onCall,
    });
  }

  /** Listens on 127.0.0.1. Rejects with the system's error where the port is taken. */
  static async start(options: MockOptions = {}): Promise<MockCloudflare> {
    const mock = new MockCloudflare(options);
    mock.#server.http.listen(options.port ?? 0, '127.0.0.1');
    await once(mock.#server.http, 'listening');
    return mock;
  }

  /** The value for `CLOUDFLARE_BASE_URL`. */
  get baseUrl(): string {
    const address = this.#server.http.address();
    if (address === null || typeof address === 'string') throw new Error('the mock has been stopped');
    return `http://127.0.0.1:${address.port}${BASE_PATH}`;
  }

  get token(): string {
    return this.account.token;
  }

  get accountId(): string {
    return this.account.id;
  }

  get tunnelId(): string {
    return this.account.tunnel.id;
  }

  get zoneId(): string {
    return this.account.zoneId;
  }

  get zoneName(): string {
    return this.account.zoneName;
  }

  /** Every call since the start, in the order of arrival. */
  get calls(): readonly Call[] {
    return this.#server.calls;
  }

  /** Every pair of writes that were under way at once. */
  get overlaps(): readonly Overlap[] {
    return this.#server.overlaps;
  }

  /** Until when everything is refused with 429, in ms of the clock; null if it is not. */
  get blockedUntil(): number | null {
    return this.#limiter.blockedUntil;
  }

  /** The settings that lead devenv here. */
  env(): Record<string, string> {
    return {
      DEVENV_EDGE: 'cloudflare',
      CLOUDFLARE_API_TOKEN: this.token,
      CLOUDFLARE_ACCOUNT_ID: this.accountId,
      CLOUDFLARE_TUNNEL_ID: this.tunnelId,
      CLOUDFLARE_ZONE_ID: this.zoneId,
      CLOUDFLARE_BASE_URL: this.baseUrl,
    };
  }

  /**
   * Ends every connection; calls that wait are broken off. Rejects with the first error that a hook has thrown, so
   * that a failed expectation in one fails its test.
   */
  async stop(): Promise<void> {
    const { http, defects } = this.#server;
    if (!http.listening) return;
    const closed = once(http, 'close');
    http.close();
    http.closeAllConnections();
    await closed;
    if (defects.length > 0) throw defects[0];
  }
}
