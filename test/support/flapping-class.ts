/** A class at the mock of Cloudflare in which some students open and close their links in a loop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../orchestrator/clock.ts';
import type { Problem } from '../../orchestrator/errors.ts';
import type { RateLimit } from '../../orchestrator/token-bucket.ts';
import { AgentSyncRig, exitedReport, servingReport } from './agent-sync-rig.ts';
import type { CloudflareRig } from './cloudflare-rig.ts';
import { waitFor } from './wait.ts';
import { withRig } from './with-rig.ts';

const FLAPPING = Array.from({ length: 6 }, (_, index) => `mallory${index}`);
const HONEST = Array.from({ length: 24 }, (_, index) => `bob${index}`);
const STUDENTS = [...FLAPPING, ...HONEST];

/** Honest students who open their link before the others flap. */
const BEFORE = 8;

/** Less than what the openings of the flapping students would cost if each of them had 20. */
const BUDGET = 360;

/** Pause between two reports of a flapping environment: shorter than a run, so that they flap at all times. */
const FLAP_EVERY_MS = 5;

/** One honest student's opening. */
interface Opening {
  ms: number;
  /** Runs of the edge that ended meanwhile. */
  runs: number;
  /** Why it did not open; null if it did. */
  problem: Problem | null;
}

export interface FlappingResult {
  /** Openings before and while the others flap. */
  before: Opening[];
  during: Opening[];
  calls: number;
  budget: number;
  /** The newest message in a flapping student's terminal. */
  notice: string;
}

class FlappingClass {
  readonly #rig: CloudflareRig;
  readonly #students: AgentSyncRig;

  constructor(rig: CloudflareRig) {
    this.#rig = rig;
    this.#students = new AgentSyncRig({ edge: rig.edge, clock: systemClock, students: STUDENTS });
  }

  #view(student: string) {
    return this.#students.routes.view(student);
  }

  #report(student: string, isIn: boolean): void {
    const report = isIn ? servingReport(3001 + STUDENTS.indexOf(student)) : exitedReport();
    this.#students.agentSync.onReport(student, report);
  }

  /** Enters or leaves. Resolves to why the link does not open or close; null when it has. */
  async #flip(student: string, isIn: boolean): Promise<Problem | null> {
    this.#report(student, isIn);
    const isDone = () => this.#view(student).phase === (isIn ? 'open' : 'closed');
    const { problem } = await waitFor(
      `${student}’s link`,
      () => (isDone() || this.#view(student).problem !== null) && this.#view(student),
      { everyMs: 1 },
    );
    return problem;
  }

  async open(student: string): Promise<Opening> {
    const [startedMs, runsBefore] = [performance.now(), this.#rig.runsEnded];
    const problem = await this.#flip(student, true);
    return { ms: performance.now() - startedMs, runs: this.#rig.runsEnded - runsBefore, problem };
  }

  /** The flapping students open and close one after the other, which costs most, until each has to wait. */
  async flapUntilHeld(): Promise<void> {
    while (!FLAPPING.every((student) => this.#view(student).problem !== null))
      for (const student of FLAPPING)
        if ((await this.#flip(student, true)) === null) await this.#flip(student, false);
  }

  /** Their reports flap until the signal aborts. */
  async flapOn(signal: AbortSignal): Promise<void> {
    for (let flip = 0; !signal.aborted; flip += 1) {
      for (const student of FLAPPING) this.#report(student, flip % 2 === 1);
      await sleep(FLAP_EVERY_MS);
    }
  }

  noticeOf(student: string): string {
    return this.#students.states.get(student)?.notices.at(-1)?.text ?? '';
  }

  stop(): Promise<void> {
    return this.#students.routes.stop();
  }
}

async function openAll(flapping: FlappingClass, students: readonly string[]): Promise<Opening[]> {
  const openings: Opening[] = [];
  for (const student of students) openings.push(await flapping.open(student));
  return openings;
}

/** Runs the class. `sharedOpenings`: instead of the edge's. */
export function flapClass(sharedOpenings?: RateLimit): Promise<FlappingResult> {
  return withRig({ budget: BUDGET }, async ({ mock, rig }) => {
    if (sharedOpenings !== undefined) Object.assign(rig.edge, { sharedOpenings });
    await rig.edge.start();
    const flapping = new FlappingClass(rig);
    const stopping = new AbortController();
    try {
      await waitFor('the records', () => mock.account.records.length === STUDENTS.length);
      await rig.whenIdle();
      const before = await openAll(flapping, HONEST.slice(0, BEFORE));
      await flapping.flapUntilHeld();
      const flaps = flapping.flapOn(stopping.signal);
      const during = await openAll(flapping, HONEST.slice(BEFORE));
      stopping.abort();
      await flaps;
      const notice = flapping.noticeOf('mallory0');
      return { before, during, calls: mock.calls.length, budget: BUDGET, notice };
    } finally {
      stopping.abort();
      await flapping.stop();
    }
  });
}
