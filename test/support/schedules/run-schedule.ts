/** Runs one schedule against a mock of its own, and checks every invariant. */
import { isWrite } from '../../cloudflare/calls.ts';
import {
  ALL_FAULTS,
  type Call,
  type CallPhase,
  MockCloudflare,
  seededRandom,
} from '../../cloudflare/index.ts';
import { TickingClock } from '../ticking-clock.ts';
import { type FinalStateDeps, finalStateErrors, unreportedLosses } from './final-state.ts';
import { OtherWriter } from './other-writer.ts';
import { OwnershipChecker } from './ownership-checker.ts';
import { type Action, describeAction, nameOf, type Schedule, STUDENTS } from './schedule.ts';
import { SimulatedClass } from './simulated-class.ts';
import { waitUntilStable } from './wait-until-stable.ts';

const CALL_TIMEOUT_MS = 400;
/** A late write is applied after its sender's timeout, or after its sender was killed. */
const LATE = { afterSendingMs: 1.4 * CALL_TIMEOUT_MS, afterKillMs: 0.5 * CALL_TIMEOUT_MS };
/** Added to each slow call. */
const SLOW_MS = 0.3 * CALL_TIMEOUT_MS;

export interface ScheduleFigures {
  calls: number;
  kills: number;
  lostUpdates: number;
  faults: number;
}

/** Broken invariants, with all events. */
class ScheduleError extends Error {
  constructor(errors: readonly string[], timeline: readonly string[]) {
    super(`${errors.join('\n')}\n\nWhat happened:\n${timeline.join('\n')}`);
    this.name = 'ScheduleError';
  }
}

class ScheduleRun {
  readonly #schedule: Schedule;
  readonly #mock: MockCloudflare;
  readonly #class: SimulatedClass;
  readonly #checker: OwnershipChecker;
  readonly #otherWriter: OtherWriter;
  readonly #timeline: string[] = [];
  readonly #clock = new TickingClock();
  readonly #random;
  #waiting: { calls: number; phase: CallPhase; action: Action }[] = [];
  #isCalm = false;

  constructor(schedule: Schedule, mock: MockCloudflare) {
    this.#schedule = schedule;
    this.#mock = mock;
    this.#random = seededRandom(schedule.seed + 1);
    const hostnames = Array.from({ length: STUDENTS }, (_, student) => `${nameOf(student)}.${mock.zoneName}`);
    this.#checker = new OwnershipChecker(mock, hostnames);
    const { dns, graceMs } = schedule;
    this.#class = new SimulatedClass(
      mock,
      { dns, graceMs, callTimeoutMs: CALL_TIMEOUT_MS, clock: this.#clock },
      (text) => this.#note(text),
    );
    this.#otherWriter = new OtherWriter(mock, this.#checker, () => this.#class.isRunInFlight);
    mock.onCall = (call, phase) => this.#onCall(call, phase);
    mock.faults.random(schedule.faults, seededRandom(schedule.seed), [
      ...ALL_FAULTS,
      { kind: 'slow', ms: SLOW_MS },
    ]);
  }

  #note(text: string): void {
    const at = this.#clock.monotonicMs();
    this.#timeline.push(`${String(at).padStart(6)} ms  ${text}`);
  }

  #onCall(call: Call, phase: CallPhase): Promise<unknown> | undefined {
    const more = [
      call.fault === null ? '' : ` fault ${call.fault}`,
      phase === 'answered' ? ` ${call.status}` : '',
    ];
    this.#note(`call ${call.number} ${call.kind} ${phase}${more.join('')}${this.#contentOf(call, phase)}`);
    if (phase === 'applied') this.#checker.check(call);
    for (const each of this.#waiting) if (each.phase === phase) each.calls -= 1;
    const due = this.#waiting.filter(({ calls }) => calls === 0);
    this.#waiting = this.#waiting.filter(({ calls }) => calls > 0);
    for (const { action } of due) this.#perform(action);
    const isLate = !this.#isCalm && isWrite(call.kind) && this.#random() < this.#schedule.late;
    return phase === 'before' && isLate ? this.#delay(call) : undefined;
  }

  #contentOf(call: Call, phase: CallPhase): string {
    if (phase !== 'applied') return '';
    const { version, config } = this.#mock.account.tunnel;
    if (call.kind === 'config-get') return ` version ${version}`;
    if (!call.applied) return '';
    if (call.kind === 'dns-batch') return ` ${JSON.stringify(call.body)}`;
    return ` version ${version}: ${JSON.stringify(config?.ingress)}`;
  }

  /** Keeps a write in flight until its sender's timeout is over or its process was killed. */
  async #delay(call: Call): Promise<void> {
    this.#note(`call ${call.number} is delayed`);
    const { killed, rig } = this.#class;
    // Counted from when it was sent: it must be applied before its sender stops waiting for it to arrive.
    const inFlightMs = rig === null ? 0 : this.#clock.monotonicMs() - rig.lastWriteAtMs;
    await Promise.race([
      this.#clock.sleep(LATE.afterSendingMs - inFlightMs),
      killed.then(() => this.#clock.sleep(LATE.afterKillMs)),
    ]);
  }

  #perform(action: Action): void {
    this.#note(describeAction(action));
    switch (action.kind) {
      case 'create':
        return this.#class.create(action.student, action.port, action.isDesired);
      case 'set desired':
        return this.#class.setDesired(action.student, action.isDesired);
      case 'remove':
        return this.#class.remove(action.student);
      case 'kill':
        return this.#class.kill(action.downMs);
      case 'restart':
        return this.#class.restart();
      case 'reconcile':
        // Only the final state is checked: what this one reports does not matter.
        this.#class.rig?.reconciler.reconcile(true).catch(() => undefined);
        return;
      case 'foreign':
        return this.#otherWriter.perform(action.action);
    }
  }

  async run(): Promise<ScheduleFigures> {
    this.#class.start();
    for (const { pauseMs, trigger, action } of this.#schedule.steps) {
      if (pauseMs > 0) await this.#clock.sleep(pauseMs);
      if (trigger === null) this.#perform(action);
      else this.#waiting.push({ ...trigger, action });
    }
    await this.#finish();
    const { calls } = this.#mock;
    return {
      calls: calls.length,
      kills: this.#class.kills.length,
      lostUpdates: this.#checker.lostUpdates.length,
      faults: calls.filter(({ fault }) => fault !== null).length,
    };
  }

  async #finish(): Promise<void> {
    this.#waiting = [];
    this.#isCalm = true;
    this.#mock.faults.clear();
    const rig = await this.#class.whenStarted();
    this.#note('no more faults');
    const { dns } = this.#schedule;
    const deps: FinalStateDeps = { mock: this.#mock, class: this.#class, checker: this.#checker, dns };
    const errors = await waitUntilStable(rig, this.#clock, () => finalStateErrors(deps));
    const overlaps = this.#mock.overlaps.map(
      ({ first, second }) => `calls ${first.number} and ${second.number} were in flight at once`,
    );
    this.#failWith([
      ...this.#checker.violations,
      ...overlaps,
      ...unreportedLosses({ checker: this.#checker, class: { logs: () => this.#class.logs() } }),
      ...errors,
    ]);
  }

  #failWith(errors: readonly string[]): void {
    if (errors.length === 0) return;
    const log = this.#class.logs().map(({ level, msg }) => `  log ${level}: ${msg}`);
    throw new ScheduleError(errors, [...this.#timeline, ...log]);
  }

  async stop(): Promise<void> {
    await this.#class.stop();
    // It ends when its delayed calls have been answered, which takes time of this clock.
    await this.#mock.stop();
    this.#clock.stop();
  }
}

/** Runs the schedule; rejects with a `ScheduleError`. */
export async function runSchedule(schedule: Schedule): Promise<ScheduleFigures> {
  const mock = await MockCloudflare.start({ seed: schedule.seed });
  const run = new ScheduleRun(schedule, mock);
  try {
    return await run.run();
  } finally {
    await run.stop();
  }
}
