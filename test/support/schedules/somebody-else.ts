/** Somebody else with the same account: writes what a schedule says, and notes what is theirs from then on. */
import type { DnsRecord, MockCloudflare, NewRecord } from '../../cloudflare/index.ts';
import type { Property } from './property.ts';
import { type ForeignDeed, type ForeignHost, nameOf } from './schedule.ts';

export class SomebodyElse {
  readonly #mock: MockCloudflare;
  readonly #property: Property;
  readonly #isPublishing: () => boolean;
  #count = 0;

  constructor(mock: MockCloudflare, property: Property, isPublishing: () => boolean) {
    this.#mock = mock;
    this.#property = property;
    this.#isPublishing = isPublishing;
  }

  /** Unlike any other, so that it is known again. */
  #service(): string {
    this.#count += 1;
    return `http://10.0.0.1:${this.#count}`;
  }

  #hostname(host: ForeignHost): string {
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

  /** What the API would refuse does not happen. */
  do(deed: ForeignDeed): void {
    switch (deed.kind) {
      case 'add rule':
        return this.#addRule(this.#hostname(deed.host), deed.place);
      case 'remove their rule': {
        const theirs = this.#property.rules().filter((rule) => rule.hostname && !this.#property.isOurs(rule));
        const rule = theirs[deed.which % Math.max(1, theirs.length)];
        return rule === undefined
          ? undefined
          : this.#put((rules) => rules.filter((each) => each.service !== rule.service));
      }
      case 'change the rest of the document':
        return this.#changeRest(deed.value);
      case 'change our rule':
        return this.#changeOurRule(this.#hostnameOf(deed.student), deed.how);
      case 'remove our rule': {
        const hostname = this.#hostnameOf(deed.student);
        return this.#put((rules) =>
          rules.filter((rule) => !(this.#property.isOurs(rule) && rule.hostname === hostname)),
        );
      }
      case 'add record':
        return this.#addRecord(this.#hostname(deed.host));
      case 'remove their record': {
        const theirs = this.#property.foreignRecords();
        const record = theirs[deed.which % Math.max(1, theirs.length)];
        if (record === undefined) return;
        this.#mock.foreign.removeRecord(record.id);
        return this.#property.recordsWritten(null);
      }
      case 'change our record':
        return this.#changeOurRecord(this.#hostnameOf(deed.student), deed.how);
      case 'remove our record':
        return this.#removeOurRecord(this.#hostnameOf(deed.student));
      case 'take our name': {
        const hostname = this.#hostnameOf(deed.student);
        this.#removeOurRecord(hostname);
        return deed.for === 'record' ? this.#addRecord(hostname) : this.#addRule(hostname, 0);
      }
    }
  }

  #put(change: (rules: ReturnType<Property['rules']>) => ReturnType<Property['rules']>): void {
    this.#mock.foreign.putConfig((config) => ({ ...config, ingress: change(config.ingress) }));
    this.#property.documentWritten();
  }

  /** A rule of that service was made of ours, as far as anybody can see who does not know which was first. */
  #tamper(service: string): void {
    this.#property.tampered.add(service);
    if (this.#isPublishing()) this.#property.disputed.add(service);
  }

  #addRule(hostname: string, place: number): void {
    const service = this.#service();
    // On a name that is marked as ours, it is our rule that they have made another.
    if (this.#property.markedRecord(hostname) !== undefined) this.#tamper(service);
    this.#put((rules) => rules.toSpliced(place % rules.length, 0, { hostname, service }));
  }

  #changeRest(value: number): void {
    this.#mock.foreign.putConfig((config) => ({
      'warp-routing': { enabled: value % 2 === 0 },
      ...config,
      originRequest: { connectTimeout: value },
    }));
    this.#property.documentWritten();
  }

  #changeOurRule(hostname: string, how: 'service' | 'originRequest'): void {
    const isOne = this.#property
      .rules()
      .some((rule) => this.#property.isOurs(rule) && rule.hostname === hostname);
    if (!isOne || this.#property.markedRecord(hostname) === undefined) return;
    const service = this.#service();
    if (how === 'service') this.#tamper(service);
    this.#put((rules) =>
      rules.map((rule) => {
        if (!this.#property.isOurs(rule) || rule.hostname !== hostname) return rule;
        return how === 'service' ? { ...rule, service } : { ...rule, originRequest: { noTLSVerify: true } };
      }),
    );
  }

  #addRecord(name: string): void {
    const beside = this.#mock.account.dns.withName(name);
    if (beside.length > 0) return;
    this.#mock.foreign.addRecord({ name, type: 'A', content: '192.0.2.7' });
    this.#property.recordsWritten(null);
  }

  #withOurRecord(hostname: string, task: (record: DnsRecord) => void): void {
    const record = this.#property.markedRecord(hostname);
    if (record === undefined) return;
    task(record);
    this.#property.recordsWritten(record);
  }

  #removeOurRecord(hostname: string): void {
    this.#withOurRecord(hostname, ({ name, id }) => {
      this.#property.robbed.add(name);
      this.#mock.foreign.removeRecord(id);
    });
  }

  /** By one of another type, with the comment as it was. */
  #replaceOurRecord(hostname: string): void {
    const before = this.#property.markedRecord(hostname);
    if (before === undefined) return;
    const { name, comment } = before;
    this.#mock.foreign.removeRecord(before.id);
    this.#property.recordsWritten(
      this.#mock.foreign.addRecord({ name, comment, type: 'A', content: '192.0.2.8' }),
    );
  }

  #changeOurRecord(hostname: string, how: 'content' | 'proxied' | 'type' | 'mark' | 'name'): void {
    if (how === 'type') return this.#replaceOurRecord(hostname);
    const isAddress = this.#property.markedRecord(hostname)?.type === 'A';
    const changes: Record<typeof how, Partial<NewRecord>> = {
      content: { content: isAddress ? '192.0.2.9' : 'elsewhere.example.net' },
      proxied: { proxied: false },
      mark: { comment: 'mine now' },
      name: { name: `moved-${this.#service().split(':').at(-1)}.${this.#mock.zoneName}` },
    };
    this.#withOurRecord(hostname, (record) => {
      if (how === 'mark' || how === 'name') this.#property.robbed.add(record.name);
      this.#mock.foreign.changeRecord(record.id, changes[how]);
    });
  }
}
