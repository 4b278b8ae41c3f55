/**
 * Tracks who owns what at Cloudflare, independently of the product, and checks two invariants after every call that was
 * applied: what another writer wrote stays unchanged, and a tagged record covers each rule of ours at every moment.
 */
import type { Call, DnsRecord, IngressRule, MockCloudflare, TunnelConfig } from '../../cloudflare/index.ts';

/** A document without our rules, as text: the order of keys counts. */
type Foreign = string;

export class OwnershipChecker {
  readonly #mock: MockCloudflare;
  readonly #tagPrefix: string;
  /** Hostnames that a student may have. */
  readonly #hostnames: ReadonlySet<string>;
  /** Services of rules of ours that another writer has changed. */
  readonly tampered = new Set<string>();
  /** Those of them that may be older than the record, as far as the run that created it could know. */
  readonly disputed = new Set<string>();
  /** Hostnames whose record another writer took from us: until it is back, no record covers our rule. */
  readonly taken = new Set<string>();
  /** Records of other owners as text, by id. */
  readonly #records = new Map<string, string>();
  /** For each of our records that another writer changed: how many calls there were by then. */
  readonly #changedByOther = new Map<string, number>();
  #document: Foreign;
  /** The foreign part at each version. */
  readonly #history = new Map<number, Foreign>();
  readonly #foreignVersions = new Set<number>();
  /** By call number, the version that each read returned; and the numbers of the calls that listed the records. */
  readonly #reads = new Map<number, number>();
  readonly #lists: number[] = [];
  /** Versions on which writes were built that undid a write of another writer. */
  readonly lostUpdates: number[] = [];
  readonly violations: string[] = [];

  /** `tagPrefix` begins the comment of each record of ours. */
  constructor(mock: MockCloudflare, hostnames: readonly string[], tagPrefix = 'devenv lab/') {
    this.#mock = mock;
    this.#tagPrefix = tagPrefix;
    this.#hostnames = new Set(hostnames);
    this.#document = this.#foreignPart();
    this.#history.set(mock.account.tunnel.version, this.#document);
  }

  #isTagged({ comment }: DnsRecord): boolean {
    return comment?.startsWith(this.#tagPrefix) === true;
  }

  isOurs({ hostname = '', service }: IngressRule): boolean {
    return this.#hostnames.has(hostname) && service.startsWith('http://127.0.0.1:');
  }

  rules(): IngressRule[] {
    return this.#mock.account.tunnel.config?.ingress ?? [];
  }

  taggedRecord(hostname: string): DnsRecord | undefined {
    return this.#mock.account.dns.withName(hostname).find((record) => this.#isTagged(record));
  }

  taggedRecords(): DnsRecord[] {
    return this.#mock.account.records.filter((record) => this.#isTagged(record));
  }

  foreignRecords(): DnsRecord[] {
    return this.#mock.account.records.filter((record) => !this.#isTagged(record));
  }

  #foreignPart(): Foreign {
    const config: Partial<TunnelConfig> = this.#mock.account.tunnel.config ?? {
      ingress: [{ service: 'http_status:404' }],
    };
    const ingress = (config.ingress ?? []).filter(
      (rule) => !this.isOurs(rule) && !this.tampered.has(rule.service),
    );
    return JSON.stringify({ ...config, ingress });
  }

  /** Another writer has written the document: its foreign part must stay like this. */
  documentWritten(): void {
    const { version } = this.#mock.account.tunnel;
    this.#document = this.#foreignPart();
    this.#history.set(version, this.#document);
    this.#foreignVersions.add(version);
  }

  /** Another writer has changed records; `changed` is the one that had our owner tag. */
  recordsWritten(changed: DnsRecord | null): void {
    if (changed !== null) this.#changedByOther.set(changed.id, this.#mock.calls.length);
    this.#records.clear();
    for (const record of this.foreignRecords()) this.#records.set(record.id, JSON.stringify(record));
  }

  /** Checks the invariants after a call that was applied. */
  check(call: Call): void {
    switch (call.kind) {
      case 'config-get':
        this.#reads.set(call.number, this.#mock.account.tunnel.version);
        return;
      case 'dns-list':
        this.#lists.push(call.number);
        return;
      case 'config-put':
        if (call.applied) this.#checkDocument(call);
        break;
      case 'dns-batch':
      case 'dns-write':
        if (call.applied) this.#checkRecords(call);
        break;
      default:
        return;
    }
    if (call.applied) this.#checkCover(call);
  }

  /** The version on which the document of this call was built: the last that was read or written. */
  #baseOf({ number }: Call): number {
    const bases = [...this.#reads].filter(([at]) => at < number);
    return bases.at(-1)?.[1] ?? -1;
  }

  #checkDocument(call: Call): void {
    const { version } = this.#mock.account.tunnel;
    const found = this.#foreignPart();
    const base = this.#baseOf(call);
    const isLate = [...this.#foreignVersions].some((each) => each > base && each < version);
    if (found !== this.#document && isLate && found === this.#history.get(base)) this.lostUpdates.push(base);
    else if (found !== this.#document) {
      this.violations.push(
        `call ${call.number} changed what is foreign in the document:\n  was ${this.#document}\n  is  ${found}\n  it was read at version ${base}`,
      );
    }
    this.#document = found;
    this.#history.set(version, found);
    // The next write is built on this answer.
    this.#reads.set(call.number, version);
  }

  #checkRecords(call: Call): void {
    const listed = this.#lists.filter((number) => number < call.number).at(-1) ?? 0;
    for (const [id, text] of this.#records) {
      const record = this.#mock.account.records.find((each) => each.id === id);
      if (record !== undefined && JSON.stringify(record) === text) continue;
      this.#records.delete(id);
      // Another writer took it between our read and our write: no call of the API can show that.
      if ((this.#changedByOther.get(id) ?? -1) >= listed) continue;
      this.violations.push(`call ${call.number} changed a record of another owner: ${text}`);
    }
  }

  #checkCover({ number }: Call): void {
    for (const rule of this.rules().filter((each) => this.isOurs(each))) {
      const { hostname = '' } = rule;
      if (this.taggedRecord(hostname) !== undefined) this.taken.delete(hostname);
      else if (!this.taken.has(hostname))
        this.violations.push(`after call ${number} no tagged record covers the rule for ${hostname}`);
    }
  }
}
