/** How long an agent counts as silent. */
import { Heartbeats } from '../../../../orchestrator/agents/heartbeats.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
let heartbeats: Heartbeats;

beforeEach(() => {
  clock = new ManualClock();
  heartbeats = new Heartbeats(clock);
});

test('silence counts from the last heartbeat; a student without one has none', async () => {
  heartbeats.record('alice');
  await clock.advance(4500);
  expect(heartbeats.sinceMs('alice')).toBe(4500);
  heartbeats.record('alice');
  expect(heartbeats.sinceMs('alice')).toBe(0);
  expect(heartbeats.sinceMs('bob')).toBeNull();
  heartbeats.forget('alice');
  expect(heartbeats.sinceMs('alice')).toBeNull();
});

test('time in which the process did not run does not count', async () => {
  heartbeats.record('alice');
  await clock.advance(3000);
  clock.skip(3_600_000);
  expect(heartbeats.sinceMs('alice')).toBe(5000);
});

test('`stop` leaves no timer', () => {
  heartbeats.stop();
  expect(clock.pendingTimers).toBe(0);
});
