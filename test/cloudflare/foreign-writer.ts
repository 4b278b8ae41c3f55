/** Somebody else with the same account: what they write is there at once, and no call of ours. */

import type { CloudflareAccount } from './account.ts';
import type { DnsRecord, RecordFields } from './dns-record.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { assertConfig, initialConfig, type TunnelConfig } from './tunnel-config.ts';

/** What a new record needs; the rest has the API's defaults. */
export type NewRecord = Pick<RecordFields, 'name' | 'type' | 'content'> & Partial<RecordFields>;

/** All of them throw the API's Refusal where it would refuse. */
export interface ForeignWriter {
  /**
   * Writes what `change` makes of the configuration; it is given a copy, of the dashboard's first one if there is
   * none yet. The version rises.
   */
  putConfig(change: (config: TunnelConfig) => TunnelConfig): void;
  addRecord(record: NewRecord): DnsRecord;
  /** Changes only the fields given. */
  changeRecord(id: string, fields: Partial<NewRecord>): DnsRecord;
  removeRecord(id: string): void;
  /** Uses up requests of the user's rate, as the dashboard does. */
  spendRequests(requests: number): void;
}

export function createForeignWriter(account: CloudflareAccount, limiter: RateLimiter): ForeignWriter {
  return {
    putConfig(change) {
      const { config } = account.tunnel;
      const changed = change(config === null ? initialConfig() : structuredClone(config));
      assertConfig(changed);
      account.tunnel.put(changed);
    },
    addRecord: (record) => account.dns.create(record),
    changeRecord: (id, fields) => account.dns.patch(id, fields),
    removeRecord(id) {
      account.dns.remove(id);
    },
    spendRequests(requests) {
      limiter.consume(requests);
    },
  };
}
