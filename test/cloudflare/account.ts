/** All that Cloudflare knows: one account with one tunnel, one zone, one token. */
import type { DnsRecord } from './dns-record.ts';
import { PLANS, type Plan, type PlanName } from './plans.ts';
import { RecordStore } from './record-store.ts';
import { hex, type Random } from './seeded-random.ts';
import { type Connector, Tunnel } from './tunnel.ts';

/** What a token may do, in the words of Cloudflare's token form: Tunnel Edit, DNS Edit, Zone Read. */
export type Scope = 'tunnel' | 'dns' | 'zone';

export interface AccountOptions {
  zoneName: string;
  plan: PlanName;
  random: Random;
  /** The time, in ms since 1970. */
  now: () => number;
}

export class CloudflareAccount {
  readonly id: string;
  readonly zoneId: string;
  readonly zoneName: string;
  readonly tokenId: string;
  readonly token: string;
  /** Take a scope away to see what the lack of it does. */
  readonly scopes: Set<Scope> = new Set(['tunnel', 'dns', 'zone']);
  readonly plan: Plan;
  readonly createdAt: string;
  readonly tunnel: Tunnel;
  readonly dns: RecordStore;

  constructor(options: AccountOptions) {
    const { random } = options;
    this.id = hex(random, 32);
    this.zoneId = hex(random, 32);
    this.zoneName = options.zoneName;
    this.tokenId = hex(random, 32);
    // 40 characters, as Cloudflare's; greppable, and plainly nobody's secret.
    this.token = `mock-token-${hex(random, 29)}`;
    this.plan = PLANS[options.plan];
    this.createdAt = new Date(options.now()).toISOString();
    this.tunnel = new Tunnel(options);
    this.dns = new RecordStore({ ...options, plan: this.plan });
  }

  get records(): DnsRecord[] {
    return this.dns.all();
  }

  get connectors(): readonly Connector[] {
    return this.tunnel.connectors;
  }

  /** What a CNAME of this tunnel holds. */
  get tunnelHostname(): string {
    return `${this.tunnel.id}.cfargotunnel.com`;
  }
}
