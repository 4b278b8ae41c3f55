/** Desired × observed → what has to be done. One `Plan` serves dry run, writes and removals; making it changes nothing. */
import { hostForRelay } from '../../../protocol/relay-key.ts';
import type { DesiredState, RouteReference } from '../../edge.ts';
import type { DnsRecord, JsonObject } from '../api/client.ts';
import { type DesiredIngress, type IngressChange, type MergedIngress, mergeIngress } from './ingress.ts';
import type { HostnameRule } from './ingress-document.ts';
import { hostnamesOfOwnedRules, ownedRecords, type RuleClaims, routesByHostname } from './ownership.ts';
import {
  type InstallationNames,
  planRecords,
  planRemovals,
  type RecordChange,
  type RecordConflict,
  type RemovalReasons,
  routesWithRecord,
} from './records.ts';

export interface PlanOptions {
  names: InstallationNames;
  /** Null while it is not known. */
  zoneName: string | null;
  /** Whether records live as long as the student, or come and go with the session. */
  dns: 'student' | 'session';
}

/** What is known of Cloudflare's side at one moment. */
export interface Observed {
  records: readonly DnsRecord[];
  config: JsonObject | null;
  writtenRules: RuleClaims['writtenRules'];
  /** Hostnames whose record is too new to prove that a rule is ours. */
  newlyCreated: ReadonlySet<string>;
}

const createdBy = (changes: readonly RecordChange[]) =>
  changes.filter(({ kind }) => kind === 'create' || kind === 'adopt').map(({ route }) => route.hostname);

export class Plan {
  readonly desired: DesiredState;
  readonly observed: Observed;
  readonly options: PlanOptions;
  /** Records to create and repair. None for a hostname with another writer's rule: it would look like ours. */
  readonly recordChanges: readonly RecordChange[];
  readonly recordConflicts: readonly RecordConflict[];
  readonly ruleConflicts: readonly HostnameRule[];
  /** What the rules should be with the records that exist now. */
  readonly ingress: DesiredIngress;
  readonly #routes: ReadonlyMap<string, RouteReference>;

  constructor(desired: DesiredState, observed: Observed, options: PlanOptions) {
    this.desired = desired;
    this.observed = observed;
    this.options = options;
    const { names, dns } = options;
    this.#routes = routesByHostname(desired, observed.records, names.instance);
    this.ingress = this.#ingressWith([]);
    const { changes, conflicts } = planRecords(observed.records, routesWithRecord(desired, dns), names);
    this.recordConflicts = conflicts;
    this.ruleConflicts = mergeIngress(observed.config, this.#ingressWith(changes)).conflicts;
    const blocked = new Set(this.ruleConflicts.map(({ hostname }) => hostname));
    this.recordChanges = changes.filter(({ route }) => !blocked.has(route.hostname));
  }

  /** A route is open only where its record exists: where it is tagged, or one of `changes` creates it. */
  #ingressWith(changes: readonly RecordChange[]): DesiredIngress {
    const { records, writtenRules, newlyCreated } = this.observed;
    const created = createdBy(changes);
    const tagged = new Set(
      ownedRecords(records, this.options.names.instance).map(({ record }) => record.name),
    );
    const withRecord = new Set([...tagged, ...created]);
    const open = this.desired.routes.filter(({ hostname }) => withRecord.has(hostname));
    const adopted = this.desired.registered.filter(({ adopt }) => adopt);
    return {
      open: new Map(open.map(({ hostname, origin }) => [hostname, origin])),
      hostHeaders: new Map(
        open.flatMap(({ hostname, relayKey }) =>
          relayKey === null ? [] : [[hostname, hostForRelay(relayKey, hostname)]],
        ),
      ),
      writtenRules,
      tagged: new Set([...tagged].filter((hostname) => !newlyCreated.has(hostname))),
      claimed: new Set([...created, ...open.map(({ hostname }) => hostname), ...newlyCreated]),
      adopted: new Set(adopted.map(({ hostname }) => hostname)),
    };
  }

  /** The route of a hostname; what neither registration nor tag names is known by the hostname alone. */
  routeOf(hostname: string): RouteReference {
    return this.#routes.get(hostname) ?? { id: null, owner: null, hostname };
  }

  /** Hostnames that a registered route or an owner tag explains. */
  get explainedHostnames(): Iterable<string> {
    return this.#routes.keys();
  }

  /** What the rules need with the records that exist now. */
  get ruleChanges(): readonly IngressChange[] {
    return mergeIngress(this.observed.config, this.ingress).changes;
  }

  /** The rules as they will be after the record changes. */
  get finalIngress(): MergedIngress {
    return mergeIngress(this.observed.config, this.#ingressWith(this.recordChanges));
  }

  /** Hostnames of our records that a rule of ours still needs. */
  get ruledHostnames(): ReadonlySet<string> {
    return hostnamesOfOwnedRules(this.observed.config, this.ingress);
  }

  removals(reasons: RemovalReasons): Extract<RecordChange, { kind: 'remove' }>[] {
    const { records } = this.observed;
    const routeOf = (hostname: string) => this.routeOf(hostname);
    return planRemovals(records, this.desired, this.options.names.instance, routeOf, reasons);
  }
}
