/**
 * Every step can fail in every way. Each fault of the mock hits each call of each change once. Whatever the fault, the
 * change is applied in the end, other students are not affected, and the problem is reported.
 */

import { ALL_FAULTS, type CallKind, type FaultSpec } from '../../../../cloudflare/index.ts';
import { limitConcurrency } from '../../../../support/limit-concurrency.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import {
  type DnsMode,
  type RigBench,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

/** In ms: an answer that takes longer is given up. */
const CALL_TIMEOUT = 2000;

const inTurn = limitConcurrency(24);

interface Change {
  name: string;
  dns: DnsMode;
  /** The calls that it makes, but for those that it makes only because another has failed. */
  calls: CallKind[];
  graceMs?: number;
  /** What comes first. */
  prepare?: (bench: RigBench) => Promise<void>;
  act(bench: RigBench): void;
  /** It is as it should be: alice's records and rules. */
  records: number;
  rules: number;
}

const open = ({ rig }: RigBench) => setAll(rig, 'open', ['alice']);
const reads: CallKind[] = ['config-get'];
const rules: CallKind[] = [...reads, 'config-put'];
const want = (wanted: boolean) => (bench: RigBench) => bench.rig.setDesired('alice', wanted);
const leave = ({ rig }: RigBench) => void rig.unregister('alice');

const changes: Change[] = [
  {
    name: 'create',
    dns: 'student',
    calls: ['dns-batch', ...reads],
    act: ({ rig }) => rig.registerStudent('ann'),
    records: 2,
    rules: 0,
  },
  { name: 'open', dns: 'student', calls: rules, act: want(true), records: 1, rules: 1 },
  { name: 'close', dns: 'student', calls: rules, prepare: open, act: want(false), records: 1, rules: 0 },
  {
    name: 'rm',
    dns: 'student',
    calls: ['dns-batch', ...rules],
    prepare: open,
    act: leave,
    records: 0,
    rules: 0,
  },
  { name: 'open', dns: 'session', calls: ['dns-batch', ...rules], act: want(true), records: 1, rules: 1 },
  { name: 'close', dns: 'session', calls: rules, prepare: open, act: want(false), records: 1, rules: 0 },
  {
    name: 'close, with no grace',
    dns: 'session',
    calls: ['dns-batch', ...rules],
    graceMs: 0,
    prepare: open,
    act: want(false),
    records: 0,
    rules: 0,
  },
  {
    name: 'rm',
    dns: 'session',
    calls: ['dns-batch', ...rules],
    prepare: open,
    act: leave,
    records: 0,
    rules: 0,
  },
];

const faults: FaultSpec[] = [...ALL_FAULTS, { kind: 'slow', ms: CALL_TIMEOUT * 1.6 }];
/** The call had its effect, which was found by reading it back. */
const wasApplied = (fault: FaultSpec) =>
  ('applied' in fault && fault.applied === true) ||
  ['reset-after', 'bad-json', 'broken-body'].includes(fault.kind);

function isDone({ rig }: RigBench, { records, rules: ruled }: Change): boolean {
  const own = (lines: string[]) => lines.filter((line) => line.startsWith('a')).length;
  return own(rig.records()) === records && own(rig.rules()) === ruled;
}

async function strike(change: Change, kind: CallKind, fault: FaultSpec): Promise<void> {
  const { dns, graceMs = 600_000 } = change;
  await withRig({ dns, graceMs, callTimeoutMs: CALL_TIMEOUT }, async (bench) => {
    const { mock, rig } = bench;
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['bob']);
    await change.prepare?.(bench);
    const from = mock.calls.length;
    mock.faults.next({ kind }, fault);
    change.act(bench);
    await waitForRig(rig, `${kind} to fail in ${change.name} (${dns})`, () => mock.faults.pending === 0);
    if (fault.kind === 'refused') {
      // Not retried automatically; nothing is left half done.
      await rig.whenIdle();
      if (change.name === 'open')
        expect(isDone(bench, { ...change, records: dns === 'student' ? 1 : 0, rules: 0 })).toBe(true);
      if (change.name !== 'rm')
        expect(rig.problems.at(-1)?.what).toMatch(/^Cloudflare does not let this token change/);
      await rig.reconciler.reconcile(true);
    }
    await waitForRig(rig, `${change.name} (${dns}) after ${fault.kind} at ${kind}`, () =>
      isDone(bench, change),
    );
    await waitForRig(rig, 'no problem to be left', () =>
      ['alice', 'ann'].every((name) => rig.problem(name) === null),
    );
    await waitForRig(rig, 'the intent to be gone', () => rig.disk.journalEntries().length === 0);
    if (kind !== 'config-get' && wasApplied(fault)) expect(rig.problems).toEqual([]);
    // Without an answer the call may still arrive: its outcome is read again once it can't any more.
    if (fault.kind === 'slow')
      await waitForRig(rig, 'the slow call', () => mock.calls.every(({ endedAt }) => endedAt !== null));
    await rig.whenIdle();
    expect(isDone(bench, change)).toBe(true);
    expect(rig.problems.filter(({ student }) => student === 'bob')).toEqual([]);
    expect(rig.rules()).toContain('bob.example.com → http://127.0.0.1:3002');
    expect(rig.view('bob')).toEqual({ phase: 'open', problem: null });
    expect(mock.calls.length - from).toBeLessThan(20);
    expect(rig.log.text()).not.toMatch(/another writer wrote/);
  });
}

test.concurrent.each(faults.map((fault) => [JSON.stringify(fault), fault] as const))(
  'whatever call %s strikes, the change is made in the end',
  async (_name, fault) => {
    const cases = changes.flatMap((change) => change.calls.map((kind) => ({ change, kind })));
    await Promise.all(cases.map(({ change, kind }) => inTurn(() => strike(change, kind, fault))));
  },
);

test('a name that the zone can’t have is no open link', () =>
  withRig({}, async ({ rig }) => {
    await startWith(rig, ['bob']);
    rig.register({
      ...ownRoute('alice'),
      hostname: 'alice.localhost',
      origin: 'http://127.0.0.1:3009',
    });
    rig.setDesired('alice', true);
    await waitForRig(rig, 'it to be told', () => rig.problem('alice'));
    expect(rig.phase('alice')).toBe('opening');
    expect(rig.problem('alice')?.what).toContain('alice.localhost');
    await setAll(rig, 'open', ['bob']);
    expect(rig.rules()).toEqual(['bob.example.com → http://127.0.0.1:3001', '* → http_status:404']);
  }));
