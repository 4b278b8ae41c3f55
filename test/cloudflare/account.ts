/** The state of the mock: one Cloudflare account with one tunnel, one zone and one API token. */
import type { DnsRecord } from './dns-record.ts';
import { PLANS, type Plan, type PlanName } from './plans.ts';
import { RecordStore } from './record-store.ts';
import { hex, type Random } from './seeded-random.ts';
import { type Connector, Tunnel } from './tunnel.ts';

/** A permission of the token, on Cloudflare's token form: Tunnel Edit, DNS Edit, Zone Read. */
export type Scope = 'tunnel' | 'dns' | 'zone';

export interface AccountOptions {
  zoneName: string;
  plan: PlanName;
  random: Random;
  /** The current time, in ms since 1970. */
  now: () => number;
}

export class CloudflareAccount {
  readonly id: string;
  readonly zoneId: string;
  readonly zoneName: string;
  readonly tokenId: string;
  readonly token: string;
  /** Tests delete a scope to see what happens without it. */
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
    // 40 characters, like Cloudflare's; easy to find in files, and obviously not a real secret.
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

  /** The content of a CNAME record that points to the tunnel. */
  get tunnelHostname(): string {
    return `${this.tunnel.id}.cfargotunnel.com`;
  }
}
