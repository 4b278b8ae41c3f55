/**
 * Who owns what at Cloudflare, kept apart from everything that the product knows: what somebody else has written must
 * stay as they left it, and each rule of ours must be covered by a marked record at every moment. Looked at after
 * every call that took effect.
 */
import type { Call, DnsRecord, IngressRule, MockCloudflare, TunnelConfig } from '../../cloudflare/index.ts';

/** A document without what is ours in it, as text: the order of keys counts. */
type Foreign = string;

export class Property {
  readonly #mock: MockCloudflare;
  readonly #mark: string;
  /** Hostnames that a student may have. */
  readonly #hostnames: ReadonlySet<string>;
  /** Services of rules that somebody else made of ours. */
  readonly tampered = new Set<string>();
  /** Those of them that may have been there before the record, as far as the publication that made it could see. */
  readonly disputed = new Set<string>();
  /** Hostnames whose record somebody else took from us: until it is back, their rule has none. */
  readonly robbed = new Set<string>();
  /** What somebody else has in the zone, by id; each as text. */
  readonly #records = new Map<string, string>();
  /** When each of our records was last changed by hand, as the number of the newest call then. */
  readonly #changedByHand = new Map<string, number>();
  #document: Foreign;
  /** The foreign part at each version. */
  readonly #history = new Map<number, Foreign>();
  readonly #foreignVersions = new Set<number>();
  /** The version that each reading call was answered with, and the number of each call that listed the records. */
  readonly #reads = new Map<number, number>();
  readonly #lists: number[] = [];
  /** Versions that were read before writes in which something of somebody else was lost. */
  readonly lost: number[] = [];
  readonly violations: string[] = [];

  /** `mark` begins the comment of each record of ours. */
  constructor(mock: MockCloudflare, hostnames: readonly string[], mark = 'devenv lab/') {
    this.#mock = mock;
    this.#mark = mark;
    this.#hostnames = new Set(hostnames);
    this.#document = this.#foreignPart();
    this.#history.set(mock.account.tunnel.version, this.#document);
  }

  #isMarked({ comment }: DnsRecord): boolean {
    return comment?.startsWith(this.#mark) === true;
  }

  isOurs({ hostname = '', service }: IngressRule): boolean {
    return this.#hostnames.has(hostname) && service.startsWith('http://127.0.0.1:');
  }

  rules(): IngressRule[] {
    return this.#mock.account.tunnel.config?.ingress ?? [];
  }

  markedRecord(hostname: string): DnsRecord | undefined {
    return this.#mock.account.dns.withName(hostname).find((record) => this.#isMarked(record));
  }

  markedRecords(): DnsRecord[] {
    return this.#mock.account.records.filter((record) => this.#isMarked(record));
  }

  foreignRecords(): DnsRecord[] {
    return this.#mock.account.records.filter((record) => !this.#isMarked(record));
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

  /** Somebody else has written the document: that is what it should be now. */
  documentWritten(): void {
    const { version } = this.#mock.account.tunnel;
    this.#document = this.#foreignPart();
    this.#history.set(version, this.#document);
    this.#foreignVersions.add(version);
  }

  /** Somebody else has changed records. */
  recordsWritten(changed: DnsRecord | null): void {
    if (changed !== null) this.#changedByHand.set(changed.id, this.#mock.calls.length);
    this.#records.clear();
    for (const record of this.foreignRecords()) this.#records.set(record.id, JSON.stringify(record));
  }

  /** A call took effect. */
  look(call: Call): void {
    switch (call.kind) {
      case 'config-get':
        this.#reads.set(call.number, this.#mock.account.tunnel.version);
        return;
      case 'dns-list':
        this.#lists.push(call.number);
        return;
      case 'config-put':
        if (call.applied) this.#lookAtDocument(call);
        break;
      case 'dns-batch':
      case 'dns-write':
        if (call.applied) this.#lookAtRecords(call);
        break;
      default:
        return;
    }
    if (call.applied) this.#lookAtCover(call);
  }

  /** The version that the writer of this document had before it: read, or answered to a write of its own. */
  #baseOf({ number }: Call): number {
    const bases = [...this.#reads].filter(([at]) => at < number);
    return bases.at(-1)?.[1] ?? -1;
  }

  #lookAtDocument(call: Call): void {
    const { version } = this.#mock.account.tunnel;
    const found = this.#foreignPart();
    const base = this.#baseOf(call);
    const isLate = [...this.#foreignVersions].some((each) => each > base && each < version);
    if (found !== this.#document && isLate && found === this.#history.get(base)) this.lost.push(base);
    else if (found !== this.#document) {
      this.violations.push(
        `call ${call.number} changed what is foreign in the document:\n  was ${this.#document}\n  is  ${found}\n  it was read at version ${base}`,
      );
    }
    this.#document = found;
    this.#history.set(version, found);
    // Its writer goes on from what it was answered.
    this.#reads.set(call.number, version);
  }

  #lookAtRecords(call: Call): void {
    const listed = this.#lists.filter((number) => number < call.number).at(-1) ?? 0;
    for (const [id, text] of this.#records) {
      const record = this.#mock.account.records.find((each) => each.id === id);
      if (record !== undefined && JSON.stringify(record) === text) continue;
      this.#records.delete(id);
      // Taken from us between our look and our write: no call of the API can tell.
      if ((this.#changedByHand.get(id) ?? -1) >= listed) continue;
      this.violations.push(`call ${call.number} changed a record of another owner: ${text}`);
    }
  }

  #lookAtCover({ number }: Call): void {
    for (const rule of this.rules().filter((each) => this.isOurs(each))) {
      const { hostname = '' } = rule;
      if (this.markedRecord(hostname) !== undefined) this.robbed.delete(hostname);
      else if (!this.robbed.has(hostname))
        this.violations.push(`after call ${number} no marked record covers the rule for ${hostname}`);
    }
  }
}
