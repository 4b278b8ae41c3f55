/** Plays one schedule against a mock of its own, and tells whether every promise was kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isWrite } from '../../cloudflare/calls.ts';
import {
  ALL_FAULTS,
  type Call,
  type CallPhase,
  MockCloudflare,
  seededRandom,
} from '../../cloudflare/index.ts';
import { Class } from './class.ts';
import { Property } from './property.ts';
import { comeToRest } from './rest.ts';
import { type Deed, describeDeed, nameOf, type Schedule, STUDENTS } from './schedule.ts';
import { faultsAtRest, type Parts, untoldLosses } from './settled.ts';
import { SomebodyElse } from './somebody-else.ts';

/** When a call is given up, in ms. Many schedules share one event loop: its pauses must stay well below. */
const CALL_TIMEOUT = 400;
/** A late write takes effect so long after it was sent, or after its process was killed: shares of the timeout. */
const LATE = { afterSending: 1.4, afterKill: 0.5 };
/** A slow call takes so much longer, a late one too: a share of the timeout. */
const SLOW = 0.3;
export interface Played {
  calls: number;
  kills: number;
  lostUpdates: number;
  faults: number;
}

/** A promise that was not kept, with all that happened. */
class BrokenPromise extends Error {
  constructor(faults: readonly string[], timeline: readonly string[]) {
    super(`${faults.join('\n')}\n\nWhat happened:\n${timeline.join('\n')}`);
    this.name = 'BrokenPromise';
  }
}

class Play {
  readonly #schedule: Schedule;
  readonly #mock: MockCloudflare;
  readonly #class: Class;
  readonly #property: Property;
  readonly #somebodyElse: SomebodyElse;
  readonly #timeline: string[] = [];
  readonly #startedAt = performance.now();
  readonly #random;
  #armed: { calls: number; phase: CallPhase; deed: Deed }[] = [];
  #isCalm = false;

  constructor(schedule: Schedule, mock: MockCloudflare) {
    this.#schedule = schedule;
    this.#mock = mock;
    this.#random = seededRandom(schedule.seed + 1);
    const hostnames = Array.from({ length: STUDENTS }, (_, student) => `${nameOf(student)}.${mock.zoneName}`);
    this.#property = new Property(mock, hostnames);
    const { dns, graceMs } = schedule;
    this.#class = new Class(mock, { dns, graceMs, callTimeoutMs: CALL_TIMEOUT }, (text) => this.#note(text));
    this.#somebodyElse = new SomebodyElse(mock, this.#property, () => this.#class.isPublishing);
    mock.onCall = (call, phase) => this.#onCall(call, phase);
    mock.faults.random(schedule.faults, seededRandom(schedule.seed), [
      ...ALL_FAULTS,
      { kind: 'slow', ms: CALL_TIMEOUT * SLOW },
    ]);
  }

  #note(text: string): void {
    const at = Math.round(performance.now() - this.#startedAt);
    this.#timeline.push(`${String(at).padStart(6)} ms  ${text}`);
  }

  #onCall(call: Call, phase: CallPhase): Promise<unknown> | undefined {
    const more = [
      call.fault === null ? '' : ` fault ${call.fault}`,
      phase === 'answered' ? ` ${call.status}` : '',
    ];
    this.#note(`call ${call.number} ${call.kind} ${phase}${more.join('')}${this.#contentOf(call, phase)}`);
    if (phase === 'applied') this.#property.look(call);
    for (const each of this.#armed) if (each.phase === phase) each.calls -= 1;
    const due = this.#armed.filter(({ calls }) => calls === 0);
    this.#armed = this.#armed.filter(({ calls }) => calls > 0);
    for (const { deed } of due) this.#do(deed);
    const isLate = !this.#isCalm && isWrite(call.kind) && this.#random() < this.#schedule.late;
    return phase === 'before' && isLate ? this.#holdBack(call) : undefined;
  }

  #contentOf(call: Call, phase: CallPhase): string {
    if (phase !== 'applied') return '';
    const { version, config } = this.#mock.account.tunnel;
    if (call.kind === 'config-get') return ` version ${version}`;
    if (!call.applied) return '';
    if (call.kind === 'dns-batch') return ` ${JSON.stringify(call.body)}`;
    return ` version ${version}: ${JSON.stringify(config?.ingress)}`;
  }

  /** The write is still under way when it has been given up, or its process has been killed. */
  async #holdBack(call: Call): Promise<void> {
    this.#note(`call ${call.number} is held back`);
    const { killed, rig } = this.#class;
    // It may have taken a while to arrive: it is to take effect before its sender stops waiting for it.
    const underWay = rig === null ? 0 : performance.now() - rig.wroteAt;
    await Promise.race([
      sleep(Math.max(0, CALL_TIMEOUT * LATE.afterSending - underWay)),
      killed.then(() => sleep(CALL_TIMEOUT * LATE.afterKill)),
    ]);
  }

  #do(deed: Deed): void {
    this.#note(describeDeed(deed));
    switch (deed.kind) {
      case 'create':
        return this.#class.create(deed.student, deed.port, deed.wanted);
      case 'want':
        return this.#class.want(deed.student, deed.wanted);
      case 'release':
        return this.#class.release(deed.student);
      case 'kill':
        return this.#class.kill(deed.downMs);
      case 'restart':
        return this.#class.restart();
      case 'reconcile':
        // What it says is looked at in the end; here it only comes in between.
        this.#class.rig?.publisher.reconcile(true).catch(() => undefined);
        return;
      case 'foreign':
        return this.#somebodyElse.do(deed.deed);
    }
  }

  async play(): Promise<Played> {
    this.#class.begin();
    for (const { pauseMs, moment, deed } of this.#schedule.steps) {
      if (pauseMs > 0) await sleep(pauseMs);
      if (moment === null) this.#do(deed);
      else this.#armed.push({ ...moment, deed });
    }
    await this.#comeToRest();
    const { calls } = this.#mock;
    return {
      calls: calls.length,
      kills: this.#class.kills.length,
      lostUpdates: this.#property.lost.length,
      faults: calls.filter(({ fault }) => fault !== null).length,
    };
  }

  async #comeToRest(): Promise<void> {
    this.#armed = [];
    this.#isCalm = true;
    this.#mock.faults.clear();
    const rig = await this.#class.up();
    this.#note('nothing goes wrong any more');
    const { dns } = this.#schedule;
    const parts: Parts = { mock: this.#mock, class: this.#class, property: this.#property, dns };
    const faults = await comeToRest(rig, () => faultsAtRest(parts));
    const overlaps = this.#mock.overlaps.map(
      ({ first, second }) => `calls ${first.number} and ${second.number} were under way at once`,
    );
    this.#break([
      ...this.#property.violations,
      ...overlaps,
      ...untoldLosses({ property: this.#property, class: { logs: () => this.#class.logs() } }),
      ...faults,
    ]);
  }

  #break(faults: readonly string[]): void {
    if (faults.length === 0) return;
    const log = this.#class.logs().map(({ level, msg }) => `  log ${level}: ${msg}`);
    throw new BrokenPromise(faults, [...this.#timeline, ...log]);
  }

  async end(): Promise<void> {
    await this.#class.end();
  }
}

/** Rejects with a `BrokenPromise`. */
export async function playSchedule(schedule: Schedule): Promise<Played> {
  const mock = await MockCloudflare.start({ seed: schedule.seed });
  const play = new Play(schedule, mock);
  try {
    return await play.play();
  } finally {
    await play.end();
    await mock.stop();
  }
}
