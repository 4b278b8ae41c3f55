/** Another writer with access to the same account: performs a schedule's actions and records what it owns since. */
import type { DnsRecord, MockCloudflare, NewRecord } from '../../cloudflare/index.ts';
import type { OwnershipChecker } from './ownership-checker.ts';
import { type ForeignAction, type ForeignHostname, nameOf } from './schedule.ts';

export class OtherWriter {
  readonly #mock: MockCloudflare;
  readonly #checker: OwnershipChecker;
  readonly #isRunInFlight: () => boolean;
  #count = 0;

  constructor(mock: MockCloudflare, checker: OwnershipChecker, isRunInFlight: () => boolean) {
    this.#mock = mock;
    this.#checker = checker;
    this.#isRunInFlight = isRunInFlight;
  }

  /** Unique, so that the checker recognizes it. */
  #service(): string {
    this.#count += 1;
    return `http://10.0.0.1:${this.#count}`;
  }

  #hostname(host: ForeignHostname): string {
    switch (host.at) {
      case 'shop':
        return `shop.${this.#mock.zoneName}`;
      case 'wildcard':
        return `*.${this.#mock.zoneName}`;
      case 'student':
        return this.#hostnameOf(host.student);
    }
  }

  #hostnameOf(student: number): string {
    return `${nameOf(student)}.${this.#mock.zoneName}`;
  }

  /** Skips what the API would refuse. */
  perform(action: ForeignAction): void {
    switch (action.kind) {
      case 'add rule':
        return this.#addRule(this.#hostname(action.host), action.place);
      case 'remove their rule': {
        const theirs = this.#checker.rules().filter((rule) => rule.hostname && !this.#checker.isOurs(rule));
        const rule = theirs[action.which % Math.max(1, theirs.length)];
        return rule === undefined
          ? undefined
          : this.#put((rules) => rules.filter((each) => each.service !== rule.service));
      }
      case 'change the rest of the document':
        return this.#changeRest(action.value);
      case 'change our rule':
        return this.#changeOurRule(this.#hostnameOf(action.student), action.how);
      case 'remove our rule': {
        const hostname = this.#hostnameOf(action.student);
        return this.#put((rules) =>
          rules.filter((rule) => !(this.#checker.isOurs(rule) && rule.hostname === hostname)),
        );
      }
      case 'add record':
        return this.#addRecord(this.#hostname(action.host));
      case 'remove their record': {
        const theirs = this.#checker.foreignRecords();
        const record = theirs[action.which % Math.max(1, theirs.length)];
        if (record === undefined) return;
        this.#mock.foreign.removeRecord(record.id);
        return this.#checker.recordsWritten(null);
      }
      case 'change our record':
        return this.#changeOurRecord(this.#hostnameOf(action.student), action.how);
      case 'remove our record':
        return this.#removeOurRecord(this.#hostnameOf(action.student));
      case 'take our hostname': {
        const hostname = this.#hostnameOf(action.student);
        this.#removeOurRecord(hostname);
        return action.for === 'record' ? this.#addRecord(hostname) : this.#addRule(hostname, 0);
      }
    }
  }

  #put(
    change: (rules: ReturnType<OwnershipChecker['rules']>) => ReturnType<OwnershipChecker['rules']>,
  ): void {
    this.#mock.foreign.putConfig((config) => ({ ...config, ingress: change(config.ingress) }));
    this.#checker.documentWritten();
  }

  /** A rule of ours has this service now. With a run in flight, the rule may be older than its record. */
  #tamper(service: string): void {
    this.#checker.tampered.add(service);
    if (this.#isRunInFlight()) this.#checker.disputed.add(service);
  }

  #addRule(hostname: string, place: number): void {
    const service = this.#service();
    // At a hostname with our tag, another rule counts as our rule, changed.
    if (this.#checker.taggedRecord(hostname) !== undefined) this.#tamper(service);
    this.#put((rules) => rules.toSpliced(place % rules.length, 0, { hostname, service }));
  }

  #changeRest(value: number): void {
    this.#mock.foreign.putConfig((config) => ({
      'warp-routing': { enabled: value % 2 === 0 },
      ...config,
      originRequest: { connectTimeout: value },
    }));
    this.#checker.documentWritten();
  }

  #changeOurRule(hostname: string, how: 'service' | 'originRequest'): void {
    const isOne = this.#checker
      .rules()
      .some((rule) => this.#checker.isOurs(rule) && rule.hostname === hostname);
    if (!isOne || this.#checker.taggedRecord(hostname) === undefined) return;
    const service = this.#service();
    if (how === 'service') this.#tamper(service);
    this.#put((rules) =>
      rules.map((rule) => {
        if (!this.#checker.isOurs(rule) || rule.hostname !== hostname) return rule;
        return how === 'service' ? { ...rule, service } : { ...rule, originRequest: { noTLSVerify: true } };
      }),
    );
  }

  #addRecord(name: string): void {
    const beside = this.#mock.account.dns.withName(name);
    if (beside.length > 0) return;
    this.#mock.foreign.addRecord({ name, type: 'A', content: '192.0.2.7' });
    this.#checker.recordsWritten(null);
  }

  #withOurRecord(hostname: string, task: (record: DnsRecord) => void): void {
    const record = this.#checker.taggedRecord(hostname);
    if (record === undefined) return;
    task(record);
    this.#checker.recordsWritten(record);
  }

  #removeOurRecord(hostname: string): void {
    this.#withOurRecord(hostname, ({ name, id }) => {
      this.#checker.taken.add(name);
      this.#mock.foreign.removeRecord(id);
    });
  }

  /** Replaces it by a record of another type with the same comment. */
  #replaceOurRecord(hostname: string): void {
    const before = this.#checker.taggedRecord(hostname);
    if (before === undefined) return;
    const { name, comment } = before;
    this.#mock.foreign.removeRecord(before.id);
    this.#checker.recordsWritten(
      this.#mock.foreign.addRecord({ name, comment, type: 'A', content: '192.0.2.8' }),
    );
  }

  #changeOurRecord(hostname: string, how: 'content' | 'proxied' | 'type' | 'owner tag' | 'name'): void {
    if (how === 'type') return this.#replaceOurRecord(hostname);
    const isAddress = this.#checker.taggedRecord(hostname)?.type === 'A';
    const changes: Record<typeof how, Partial<NewRecord>> = {
      content: { content: isAddress ? '192.0.2.9' : 'elsewhere.example.net' },
      proxied: { proxied: false },
      'owner tag': { comment: 'mine now' },
      name: { name: `moved-${this.#service().split(':').at(-1)}.${this.#mock.zoneName}` },
    };
    this.#withOurRecord(hostname, (record) => {
      if (how === 'owner tag' || how === 'name') this.#checker.taken.add(record.name);
      this.#mock.foreign.changeRecord(record.id, changes[how]);
    });
  }
}
