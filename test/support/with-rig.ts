/** One mock and one rig for a part of a test, cleaned up however it ends: many of them run side by side. */
import { type Call, type CallKind, MockCloudflare, type MockOptions } from '../cloudflare/index.ts';
import { CloudflareRig, type RigOptions, simulatedLock } from './cloudflare-rig.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export type DnsMode = 'student' | 'session';
export const DNS_MODES: readonly DnsMode[] = ['student', 'session'];

export interface Bench {
  mock: MockCloudflare;
  rig: CloudflareRig;
  /** Another process on the same mock; on the same disk where it is given. Cleaned up with the rest. */
  another(options?: RigOptions): CloudflareRig;
}

/** Runs `task` with a mock of its own; `rig` has not been started. */
export async function withRig<Result = void>(
  { mock: mockOptions, ...options }: RigOptions & { mock?: MockOptions },
  task: (bench: Bench) => Promise<Result>,
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

/** Everything that a test that hangs should say. */
const seenOf = (rig: CloudflareRig) => () =>
  JSON.stringify({
    phases: rig.held.map((name) => [name, rig.view(name)]),
    rules: rig.rules(),
    records: rig.records(),
    calls: rig.mock.calls.slice(-12).map(({ kind, status, fault }) => [kind, status, fault]),
  }) + rig.log.text().slice(-3000);

/** `waitFor` that says what the rig had come to. */
export const reach = <Found>(
  rig: CloudflareRig,
  what: string,
  look: () => Found | undefined | null | false,
  options: WaitOptions = {},
) => waitFor(what, look, { everyMs: 10, lastSeen: seenOf(rig), ...options });

/** Holds students at ports of their own and starts; resolves when the first publication is over. */
export async function begin(rig: CloudflareRig, names: readonly string[]): Promise<void> {
  for (const [index, name] of names.entries()) rig.hold(name, 3001 + index);
  await rig.start();
  await reach(rig, 'the first publication', () => rig.published > 0);
}

/** Wants or lets go of links; resolves when all are so. */
export async function make(
  rig: CloudflareRig,
  phase: 'open' | 'closed',
  names: readonly string[],
): Promise<void> {
  for (const name of names) rig.setDesired(name, phase === 'open');
  await reach(rig, `all to be ${phase}`, () => names.every((name) => rig.phase(name) === phase));
}

/** Kinds of the calls since call number `from`. */
export const kindsSince = (mock: MockCloudflare, from: number) =>
  mock.calls.slice(from).map(({ kind }) => kind);

/** The newest call of a kind; throws where there is none. */
export function lastCall({ calls }: MockCloudflare, kind: CallKind): Call {
  const found = calls.findLast((call) => call.kind === kind);
  if (found === undefined) throw new Error(`there was no ${kind}`);
  return found;
}

/** How many of each kind. */
export function countsSince(mock: MockCloudflare, from: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kindsSince(mock, from)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
