/**
 * A mock of Cloudflare's API over real HTTP: tunnel configurations and DNS records with their checks, limits and faults.
 * It is stricter than the real API wherever the real behavior is unknown, so that what passes here should pass there. As
 * in the real API, a call whose request has arrived completely takes effect even if the client is gone.
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
export { ALL_FAULTS, type Fault, type FaultSpec } from './fault-spec.ts';
export type { ForeignWriter, NewRecord } from './foreign-writer.ts';
export type { Latency } from './latency.ts';
export type { PlanName } from './plans.ts';
export type { RateLimit } from './rate-limiter.ts';
export { pick, seededRandom } from './seeded-random.ts';
export type { IngressRule, TunnelConfig } from './tunnel-config.ts';

export interface MockOptions {
  /** 0, the default, picks a free one. */
  port?: number;
  /** `free` by default. */
  plan?: PlanName;
  latency?: Latency;
  /** Overrides parts of Cloudflare's own rate limit. */
  rateLimit?: Partial<RateLimit>;
  /** Determines ids, the token, error codes and jitter. Random by default. */
  seed?: number;
  /** Time between the API's acceptance of a configuration and its arrival at a connector, in ms; 0 by default. */
  connectorDelayMs?: number;
  /** The number of running `cloudflared` processes; 1 by default. */
  connectors?: number;
  zoneName?: string;
  /** The clock, in ms since 1970, for tests that control the time. Latency is always in real time. */
  now?: () => number;
}

/** Monotonic and finer than `Date.now`, so that two calls in the same millisecond have an order. */
const preciseNow = () => performance.timeOrigin + performance.now();

export class MockCloudflare {
  readonly account: CloudflareAccount;
  readonly faults = new Faults();
  /** Writes as a foreign writer on the same account, such as a person at the dashboard. */
  readonly foreign: ForeignWriter;
  /** Called in each phase of each call; null for none. */
  onCall: CallHook | null = null;
  readonly seed: number;
  readonly #server: ApiServer;
  readonly #limiter: RateLimiter;

  private constructor(options: MockOptions) {
    const { plan = 'free', zoneName = 'example.com', latency = { ms: 0 }, now = preciseNow } = options;
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
    if (address === null || typeof address === 'string') throw new Error('the mock is stopped');
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

  /** All calls since the start, in the order of arrival. */
  get calls(): readonly Call[] {
    return this.#server.calls;
  }

  /** All pairs of writes that were in flight at the same time. */
  get overlaps(): readonly Overlap[] {
    return this.#server.overlaps;
  }

  /** Until when the rate limiter refuses everything, in ms of the clock; null if it does not. */
  get blockedUntil(): number | null {
    return this.#limiter.blockedUntil;
  }

  /** The settings, by environment variable, that make devenv use this mock. */
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
   * Closes every connection and so aborts the calls in flight. Rejects with the first error that a hook threw, so that a
   * failed expectation in a hook fails its test.
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
