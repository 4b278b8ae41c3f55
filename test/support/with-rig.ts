/** One mock and one rig for a part of a test, removed however it ends. Several may run side by side. */
import { type Call, type CallKind, MockCloudflare, type MockOptions } from '../cloudflare/index.ts';
import { CloudflareRig, type RigOptions, simulatedLock } from './cloudflare-rig.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export type DnsMode = 'student' | 'session';
export const DNS_MODES: readonly DnsMode[] = ['student', 'session'];

export interface RigBench {
  mock: MockCloudflare;
  rig: CloudflareRig;
  /** Another process on the same mock; give `disk` to share it. Stopped with the rest. */
  another(options?: RigOptions): CloudflareRig;
}

/** Runs `task` with a mock of its own. `rig` is not started yet. */
export async function withRig<Result = void>(
  { mock: mockOptions, ...options }: RigOptions & { mock?: MockOptions },
  task: (bench: RigBench) => Promise<Result>,
): Promise<Result> {
  const mock = await MockCloudflare.start(mockOptions);
  const rigs: CloudflareRig[] = [];
  const lock = simulatedLock();
  const another = (more: RigOptions = {}) => {
    const rig = new CloudflareRig(mock, { lock, ...options, ...more });
    rigs.push(rig);
    return rig;
  };
  try {
    return await task({ mock, rig: another(), another });
  } finally {
    lock.free();
    await Promise.all(rigs.map((rig) => rig.stop()));
    await mock.stop();
  }
}

/** Names of `count` students: s0, s1, … */
export const students = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

/** What a wait that times out reports. */
const seenOf = (rig: CloudflareRig) => () =>
  JSON.stringify({
    phases: rig.registered.map((name) => [name, rig.view(name)]),
    rules: rig.rules(),
    records: rig.records(),
    calls: rig.mock.calls.slice(-12).map(({ kind, status, fault }) => [kind, status, fault]),
  }) + rig.log.text().slice(-3000);

/** `waitFor`, reporting the state of the rig when it times out. */
export const waitForRig = <Found>(
  rig: CloudflareRig,
  what: string,
  poll: () => Found | undefined | null | false,
  options: WaitOptions = {},
) => waitFor(what, poll, { everyMs: 10, lastSeen: seenOf(rig), ...options });

/** Registers students at ports of their own and starts; resolves when the first run has ended. */
export async function startWith(rig: CloudflareRig, names: readonly string[]): Promise<void> {
  for (const [index, name] of names.entries()) rig.registerStudent(name, 3001 + index);
  await rig.start();
  await waitForRig(rig, 'the first run', () => rig.runsEnded > 0);
}

/** Opens or closes links; resolves when all are open or closed. */
export async function setAll(
  rig: CloudflareRig,
  phase: 'open' | 'closed',
  names: readonly string[],
): Promise<void> {
  for (const name of names) rig.setDesired(name, phase === 'open');
  await waitForRig(rig, `all to be ${phase}`, () => names.every((name) => rig.phase(name) === phase));
}

/** Kinds of the calls since number `from`. */
export const kindsSince = (mock: MockCloudflare, from: number) =>
  mock.calls.slice(from).map(({ kind }) => kind);

/** The newest call of a kind; throws where there is none. */
export function lastCall({ calls }: MockCloudflare, kind: CallKind): Call {
  const found = calls.findLast((call) => call.kind === kind);
  if (found === undefined) throw new Error(`there was no ${kind}`);
  return found;
}

/** How many calls of each kind since number `from`. */
export function countsSince(mock: MockCloudflare, from: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kindsSince(mock, from)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
