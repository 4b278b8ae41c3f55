/** What is kept of Cloudflare's side: the rules that we have written, and for how long a record is idle. */
import type { CloudflareApi } from '../../../../../../orchestrator/edges/cloudflare/api/client.ts';
import { ruleKey } from '../../../../../../orchestrator/edges/cloudflare/plan/ownership.ts';
import { ObservedState } from '../../../../../../orchestrator/edges/cloudflare/state/observed-state.ts';
import { MemoryDisk } from '../../../../../support/cloudflare-rig.ts';
import { ManualClock } from '../../../../../support/manual-clock.ts';

const alice = { hostname: 'alice.example.com', service: 'http://127.0.0.1:3001' };
const key = ruleKey(alice.hostname, alice.service);
const open = new Map([[alice.hostname, alice.service]]);

function stateOn(store: MemoryDisk, clock = new ManualClock()): ObservedState {
  return new ObservedState({ api: {} as CloudflareApi, store, tunnelId: 't1', clock });
}

test('a rule that we have written is known to the next process, until it is gone from the document', () => {
  const disk = new MemoryDisk();
  stateOn(disk).noteWrittenRules({ ingress: [alice] }, open);
  const next = stateOn(disk);
  expect(next.has(key)).toBe(true);
  next.forgetMissingRules({ ingress: [] });
  expect([next.has(key), stateOn(disk).has(key)]).toEqual([false, false]);
});

test('the rules that an earlier version has written are known after an upgrade', () => {
  const disk = new MemoryDisk();
  disk.remember('cloudflare.ways.t1', JSON.stringify(['alice.example.com to http://127.0.0.1:3001']));
  const state = stateOn(disk);
  expect(state.has(key)).toBe(true);
  // What the new version writes replaces them.
  state.forgetMissingRules({ ingress: [] });
  expect(stateOn(disk).has(key)).toBe(false);
});

test('a record is idle from the run that did not need it, until one needs it again', async () => {
  const clock = new ManualClock();
  const state = stateOn(new MemoryDisk(), clock);
  state.noteIdle(['alice', 'bob'], new Set(['bob']));
  await clock.advance(400);
  state.noteIdle(['alice', 'bob'], new Set(['bob']));
  expect([state.idleMs('alice'), state.idleMs('bob')]).toEqual([400, null]);
  expect([state.msToNextGrace(1000), state.msToNextGrace(400)]).toEqual([600, null]);
  state.noteIdle(['alice', 'bob'], new Set(['alice']));
  expect([state.idleMs('alice'), state.idleMs('bob')]).toEqual([null, 0]);
});
