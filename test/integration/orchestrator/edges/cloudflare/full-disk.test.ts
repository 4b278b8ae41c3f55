/** While the journal can't be written, nothing is changed at Cloudflare; it continues when there is space. */
import { DevenvError } from '../../../../../orchestrator/errors.ts';
import { MemoryDisk } from '../../../../support/cloudflare-rig.ts';
import { countsSince, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

class FullDisk extends MemoryDisk {
  isFull = false;

  override putJournalEntry(id: string, body: string): void {
    if (this.isFull)
      throw new DevenvError({ code: 'disk-full', what: 'The disk of /srv is full.', next: 'df -h /srv' });
    super.putJournalEntry(id, body);
  }
}

test('links that are open stay open; others open as soon as there is space, and are told why they wait', async () => {
  const disk = new FullDisk();
  await withRig({ disk }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice']);
    disk.isFull = true;
    const from = mock.calls.length;
    rig.setDesired('bob', true);
    await waitForRig(rig, 'the reason', () => rig.problem('bob') !== null);
    expect(rig.problem('bob')).toEqual({
      code: 'disk-full',
      what: 'The disk of the orchestrator is full, so Cloudflare is not changed now. Open links stay open.',
      next: 'df -h /srv',
      nextForStudent: 'Tell your instructor.',
    });
    expect(rig.view('alice')).toEqual({ phase: 'open', problem: null });
    expect(rig.rules()).toHaveLength(2);
    const { 'config-put': puts = 0, 'dns-batch': batches = 0 } = countsSince(mock, from);
    expect([puts, batches]).toEqual([0, 0]);
    // No defect: nothing is logged with a stack.
    expect(rig.log.text()).not.toContain('publishing failed');
    disk.isFull = false;
    await waitForRig(rig, 'the link', () => rig.phase('bob') === 'open');
  });
});
