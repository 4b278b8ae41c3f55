import { type Clock, systemClock } from '../../../orchestrator/clock.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const clocks: [string, () => { clock: Clock; pass: (ms: number) => Promise<void> }][] = [
  ['the system clock', () => ({ clock: systemClock, pass: (ms) => systemClock.sleep(ms) })],
  [
    'the manual clock',
    () => {
      const clock = new ManualClock();
      return { clock, pass: (ms) => clock.advance(ms) };
    },
  ],
];

describe.each(clocks)('%s', (_name, start) => {
  test('fires a timer once, after its delay', async () => {
    const { clock, pass } = start();
    const startedMs = clock.monotonicMs();
    let firedMs: number | null = null;
    clock.setTimer(() => {
      firedMs = clock.monotonicMs();
    }, 20);
    expect(firedMs).toBeNull();
    for (let turn = 0; turn < 1000 && firedMs === null; turn += 1) await pass(5);
    // Node's timers count whole milliseconds, so one may fire a fraction early.
    expect(Number(firedMs) - startedMs).toBeGreaterThan(18);
  });

  test('never fires a cancelled timer', async () => {
    const { clock, pass } = start();
    let fired = false;
    clock
      .setTimer(() => {
        fired = true;
      }, 1)
      .cancel();
    await pass(10);
    expect(fired).toBe(false);
  });

  test('ends a sleep when its signal aborts, before or after it begins', async () => {
    const { clock } = start();
    const controller = new AbortController();
    const sleep = clock.sleep(1e9, controller.signal);
    controller.abort();
    await sleep;
    await clock.sleep(1e9, controller.signal);
  });

  test('shortens a delay that Node’s timers cannot hold, instead of firing at once', async () => {
    const { clock, pass } = start();
    let fired = false;
    const timer = clock.setTimer(() => {
      fired = true;
    }, 2 ** 33);
    await pass(5);
    expect(fired).toBe(false);
    timer.cancel();
  });
});

test('the manual clock fires timers in the order of their times', async () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  clock.setTimer(() => fired.push(`b at ${clock.monotonicMs()}`), 20);
  clock.setTimer(() => fired.push(`a at ${clock.monotonicMs()}`), 10);
  clock.setTimer(() => fired.push('late'), 21);
  await clock.advance(20);
  expect(fired).toEqual(['a at 10', 'b at 20']);
  expect(clock.now() - Date.UTC(2026, 0, 1)).toBe(20);
  expect(clock.msToNextTimer).toBe(1);
});
