/** A foreign writer on the same account, such as a person at the dashboard. Its writes are immediate and not calls. */

import type { CloudflareAccount } from './account.ts';
import type { DnsRecord, RecordFields } from './dns-record.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { assertConfig, initialConfig, type TunnelConfig } from './tunnel-config.ts';

/** The fields of a new record. Optional ones get the API's defaults. */
export type NewRecord = Pick<RecordFields, 'name' | 'type' | 'content'> & Partial<RecordFields>;

/** Every method throws a Refusal if the API would refuse the write. */
export interface ForeignWriter {
  /**
   * Writes the configuration that `change` returns for a copy of the current one (of the dashboard's initial one if
   * there is none yet). The version increases.
   */
  putConfig(change: (config: TunnelConfig) => TunnelConfig): void;
  addRecord(record: NewRecord): DnsRecord;
  /** Changes only the given fields. */
  changeRecord(id: string, fields: Partial<NewRecord>): DnsRecord;
  removeRecord(id: string): void;
  /** Uses up requests of the user's rate limit, as the dashboard does. */
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
