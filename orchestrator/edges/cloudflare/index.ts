/**
 * The cloudflare edge: wanted routes become ingress rules of a tunnel and proxied CNAMEs that lead to it. The order
 * and the promises are in `transaction.ts`; this file decides when a run is due, under which lock, and what is told.
 */
import type { Examination } from '../../api/contract.ts';
import { DevenvError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Edge, Outcome, Publication, Reconciliation, Route, WantedEdge } from '../edge.ts';
import { Agenda } from './agenda.ts';
import { CloudflareApi } from './api.ts';
import { Budget } from './budget.ts';
import { confirmRoute } from './confirmation.ts';
import { Connectors } from './connectors.ts';
import { examineCloudflare } from './examine.ts';
import { ApiFailure, failureOf } from './failure.ts';
import { checkHostname } from './hostnames.ts';
import type { LostUpdate } from './ingress-writer.ts';
import { Intent, type IntentStore } from './intent.ts';
import { explain } from './outcomes.ts';
import { type Known, Transaction } from './transaction.ts';
import { createTunnelLock, type TunnelLock } from './tunnel-lock.ts';
import { type FactStore, Zone } from './zone.ts';

/** Calls of a publication in which nothing fails, with room for one more look. */
const CALLS_OF_A_RUN = 6;
/** Cloudflare's window of its rate limit, in ms. */
const WINDOW = 300_000;
/** How long another installation's publication is waited for, in ms. */
const LOCK_PATIENCE = 30_000;
/** A call that has not been answered by then is given up, in ms. */
const CALL_TIMEOUT = 10_000;

export interface CloudflareEdgeOptions {
  instance: string;
  token: string;
  accountId: string;
  tunnelId: string;
  zoneId: string;
  baseUrl: string;
  /** Template of the hostnames; null for one level below the zone. */
  hostname: string | null;
  allowDeep: boolean;
  dns: 'student' | 'session';
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
  /** Calls in 5 minutes. */
  budget: number;
  /** `host:port` of cloudflared's metrics, null for none. */
  metrics: string | null;
  store: IntentStore & FactStore;
  log: Log;
  /** For tests: another way to Cloudflare, a shorter patience, and a lock that goes with a simulated process. */
  fetch?: typeof fetch;
  callTimeoutMs?: number;
  lock?: TunnelLock;
}

export class CloudflareEdge implements Edge {
  readonly kind = 'cloudflare';
  readonly #options: CloudflareEdgeOptions;
  readonly #ending = new AbortController();
  readonly #budget: Budget;
  readonly #api: CloudflareApi;
  readonly #connectors: Connectors;
  readonly #lock: TunnelLock;
  readonly #intent: Intent;
  readonly #zone: Zone;
  readonly #agenda = new Agenda();
  readonly #known: Known = { records: null, configuration: null, idleSince: new Map() };
  /** Version of the configuration that has the rule, by hostname of each open route. */
  readonly #versions = new Map<string, number>();
  /** What was wanted when all was last made so; null where that is not known. */
  #settled: string | null = null;
  #lost: (LostUpdate & { at: Date }) | null = null;

  constructor(options: CloudflareEdgeOptions) {
    this.#options = options;
    const { instance, tunnelId, metrics, store } = options;
    const { signal } = this.#ending;
    const callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT;
    this.#budget = new Budget({ calls: options.budget, windowMs: WINDOW });
    this.#api = new CloudflareApi({
      ...options,
      budget: this.#budget,
      callTimeoutMs,
      signal,
      onDoubt: () => this.#agenda.doubt(callTimeoutMs),
    });
    this.#connectors = new Connectors({ api: this.#api, budget: this.#budget, metrics, signal });
    this.#lock = options.lock ?? createTunnelLock({ tunnelId, instance, patienceMs: LOCK_PATIENCE });
    this.#intent = new Intent(store, callTimeoutMs);
    const { zoneId, hostname: template, allowDeep } = options;
    this.#zone = new Zone({ api: this.#api, zoneId, store, template, allowDeep });
  }

  onDue(due: () => void): void {
    this.#agenda.onDue(() => {
      this.#settled = null;
      due();
    });
  }

  async start(): Promise<void> {
    try {
      await this.#zone.learn();
      const { managed, deleted, name } = await this.#api.tunnel();
      if (deleted) throw badTunnel(`The tunnel ${name || this.#options.tunnelId} is deleted.`);
      if (managed === 'local')
        throw badTunnel(
          `The tunnel ${name} reads its rules from a file of its host, so rules at Cloudflare are not heard.`,
        );
    } catch (error) {
      if (error instanceof DevenvError) throw error;
      const failure = failureOf(error);
      if (failure.kind === 'forbidden' || failure.kind === 'invalid') throw this.#badToken(failure);
      // Students work on without links, and the links come when Cloudflare does.
      this.#options.log.error(
        { reason: failure.message },
        'Cloudflare could not be reached; it is tried again',
      );
    }
  }

  #badToken(failure: ApiFailure): DevenvError {
    return new DevenvError({
      code: 'bad-settings',
      what: `Cloudflare refuses the token or the ids of account, tunnel and zone: ${failure.message}.`,
      next: 'Check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_TUNNEL_ID and CLOUDFLARE_ZONE_ID, and that the token has Account / Cloudflare Tunnel / Edit, Zone / DNS / Edit and Zone / Zone / Read.',
    });
  }

  hostname(student: string): Promise<string> {
    return this.#zone.hostname(student);
  }

  url(hostname: string): string {
    return `https://${hostname}`;
  }

  admit(hostname: string): void {
    checkHostname(hostname);
  }

  async publish(publication: Publication): Promise<readonly Outcome[]> {
    if (this.#settled !== null && this.#settled === wishOf(publication.take())) return [];
    const { outcomes, differences } = await this.#run(publication, this.#agenda.isInDoubt);
    for (const difference of differences) this.#options.log.warn(difference, 'mended at Cloudflare');
    return outcomes;
  }

  async reconcile(publication: Publication, mend: boolean): Promise<Reconciliation> {
    if (mend) return this.#run(publication, true);
    return this.#locked(
      publication,
      async (transaction) => ({
        outcomes: [],
        differences: await transaction.compare(publication),
      }),
      true,
    );
  }

  async #run(publication: Publication, fresh: boolean): Promise<Reconciliation> {
    let wanted: WantedEdge = { routes: [], holders: [] };
    const watched: Publication = {
      signal: publication.signal,
      take: () => {
        wanted = publication.take();
        return wanted;
      },
    };
    return this.#locked(
      publication,
      async (transaction) => {
        this.#settled = null;
        const result = await transaction.run(watched, fresh);
        if (fresh) this.#agenda.looked();
        if (result.outcomes.length === 0 && !this.#agenda.isUnsettled) this.#settled = wishOf(wanted);
        this.#noteVersions(wanted.routes);
        this.#planNext();
        return result;
      },
      false,
    );
  }

  /** Runs a task under the lock. What fails as a whole fails for everybody, with words; a look only (`isLook`) is refused. */
  async #locked(
    publication: Publication,
    task: (transaction: Transaction) => Promise<Reconciliation>,
    isLook: boolean,
  ): Promise<Reconciliation> {
    const signal = AbortSignal.any([publication.signal, this.#ending.signal]);
    let release = async () => {};
    try {
      const suspects = (await this.#intent.waitOut(signal)) ?? [];
      const held = await this.#lock.acquire(signal);
      if ('heldBy' in held) throw new ApiFailure('unknown', `the tunnel is being written by ${held.heldBy}`);
      release = held.release;
      const afterMs = this.#budget.waitMs(CALLS_OF_A_RUN);
      if (afterMs > 0) throw new ApiFailure('rate-limited', 'our share of calls is used up', { afterMs });
      return await task(this.#transaction(suspects));
    } catch (error) {
      const failure = signal.aborted ? new ApiFailure('aborted', 'this process is ending') : asFailure(error);
      const explained = explain(failure, 'the state of zone and tunnel');
      if (isLook) throw new DevenvError(explained.problem, { cause: error });
      const { routes, holders } = publication.take();
      const students = new Set([...routes, ...holders].map(({ student }) => student));
      return { differences: [], outcomes: [...students].map((student) => ({ student, ...explained })) };
    } finally {
      await release();
    }
  }

  #transaction(suspects: readonly string[]): Transaction {
    const { instance, tunnelId, dns, graceMs } = this.#options;
    return new Transaction({
      api: this.#api,
      names: { instance, tunnelId },
      dns,
      graceMs,
      intent: this.#intent,
      known: this.#known,
      suspects,
      onLostUpdate: (lost) => this.#tellLost(lost),
    });
  }

  #tellLost(lost: LostUpdate): void {
    this.#lost = { ...lost, at: new Date() };
    this.#options.log.error(
      { read: lost.read, now: lost.now },
      `somebody else wrote the tunnel's configuration while it was being published (version ${lost.read} was read, ${lost.now} stands): what they changed between may be lost, and can't be read back. Look at the tunnel's public hostnames and put back what is missing`,
    );
  }

  #noteVersions(routes: readonly Route[]): void {
    const version = this.#known.configuration?.version;
    const open = new Set(routes.map(({ hostname }) => hostname));
    for (const hostname of this.#versions.keys()) if (!open.has(hostname)) this.#versions.delete(hostname);
    if (version === undefined) return;
    for (const hostname of open) if (!this.#versions.has(hostname)) this.#versions.set(hostname, version);
  }

  /** A session's record goes when its grace is over: then a publication is due. */
  #planNext(): void {
    const first = Math.min(...this.#known.idleSince.values());
    const isAwaited = this.#options.dns === 'session' && Number.isFinite(first);
    this.#agenda.expectGrace(isAwaited ? first + this.#options.graceMs - performance.now() : null);
  }

  confirm(route: Route, signal: AbortSignal) {
    return confirmRoute({
      route,
      instance: this.#options.instance,
      version: this.#versions.get(route.hostname) ?? null,
      connectors: this.#connectors,
      signal,
    });
  }

  examine(): Promise<Examination[]> {
    return examineCloudflare({
      api: this.#api,
      connectors: this.#connectors,
      budget: this.#budget,
      lost: this.#lost,
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#agenda.stop();
  }
}

/** Whatever is wanted, as a text that is the same for the same wishes. */
function wishOf({ routes, holders }: WantedEdge): string {
  const lines = [
    ...routes.map(({ hostname, origin }) => `${hostname} ${origin}`),
    ...holders.map(({ hostname, adopt }) => `${hostname} is held${adopt ? ', adopting' : ''}`),
  ];
  return lines.sort().join('\n');
}

/** What is no failure of a call is a defect of ours: it goes on to the log as it is. */
function asFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  throw error;
}

function badTunnel(what: string): DevenvError {
  const next =
    'Make a tunnel at Cloudflare (Zero Trust, Networks, Tunnels) and set its id as CLOUDFLARE_TUNNEL_ID.';
  return new DevenvError({ code: 'bad-settings', what, next });
}
