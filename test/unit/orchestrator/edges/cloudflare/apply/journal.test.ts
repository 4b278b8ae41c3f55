/** The journal: what an interrupted run has left, and how long its calls are waited for. */
import { Journal } from '../../../../../../orchestrator/edges/cloudflare/apply/journal.ts';
import { MemoryDisk } from '../../../../../support/cloudflare-rig.ts';
import { ManualClock } from '../../../../../support/manual-clock.ts';

const signal = new AbortController().signal;
const CALL_TIMEOUT_MS = 30_000;

function journalOn(disk: MemoryDisk) {
  const clock = new ManualClock();
  return { clock, journal: new Journal(disk, CALL_TIMEOUT_MS, clock) };
}

test('a run that ended leaves nothing, and nothing is waited for', async () => {
  const { journal } = journalOn(new MemoryDisk());
  journal.note({ creating: ['alice.example.com'] });
  journal.end();
  expect(await journal.waitOut(signal)).toBeNull();
});

test('an interrupted run is reported once no call of it can still arrive', async () => {
  const disk = new MemoryDisk();
  journalOn(disk).journal.note({ creating: ['alice.example.com'], builtOn: 7 });
  const { clock, journal } = journalOn(disk);
  let found: unknown;
  void journal.waitOut(signal).then((interrupted) => {
    found = interrupted;
  });
  await clock.advance(CALL_TIMEOUT_MS - 1);
  expect(found).toBeUndefined();
  await clock.advance(1);
  expect(found).toEqual({ creating: ['alice.example.com'], ruled: [], builtOn: 7 });
});

test('a run that an earlier version was interrupted in is understood', async () => {
  const disk = new MemoryDisk();
  const body = { making: ['alice.example.com', 'bob.example.com'], standing: ['bob.example.com'], read: 7 };
  disk.putJournalEntry('cloudflare', JSON.stringify(body));
  const { clock, journal } = journalOn(disk);
  await clock.advance(CALL_TIMEOUT_MS);
  expect(await journal.waitOut(signal)).toEqual({
    creating: body.making,
    ruled: body.standing,
    builtOn: 7,
  });
});

test('a process that stops does not wait for an interrupted run', async () => {
  const disk = new MemoryDisk();
  journalOn(disk).journal.note({});
  const stopping = new AbortController();
  const waiting = journalOn(disk).journal.waitOut(stopping.signal);
  stopping.abort();
  await expect(waiting).rejects.toThrow();
});
