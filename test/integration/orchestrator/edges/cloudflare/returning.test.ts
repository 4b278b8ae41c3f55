/** At most two configuration calls for all links that open at once, whatever records they have. */
import { ShiftableClock } from '../../../../support/shiftable-clock.ts';
import { countsSince, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

test('a link with a record, and two without one 3 ms later, take one GET and one PUT together', async () => {
  const clock = new ShiftableClock();
  await withRig({ dns: 'session', graceMs: 600_000, clock }, async ({ mock, rig }) => {
    const names = ['alice', 'bob', 'carol'];
    await startWith(rig, names);
    await setAll(rig, 'open', ['alice']);
    await setAll(rig, 'closed', ['alice']);
    await rig.whenIdle();
    expect(rig.records()).toHaveLength(1);
    const from = mock.calls.length;
    clock.pause();
    rig.setDesired('alice', true);
    clock.skip(3);
    for (const name of ['bob', 'carol']) rig.setDesired(name, true);
    clock.resume();
    await waitForRig(rig, 'all to be open', () => names.every((name) => rig.phase(name) === 'open'));
    expect(countsSince(mock, from)).toEqual({ 'dns-batch': 1, 'config-get': 1, 'config-put': 1 });
  });
});
