/** The disk of the orchestrator's state is filled to its last byte while students open and close their links. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../orchestrator/clock.ts';
import { openStore, ResilientStore, type Store } from '../../orchestrator/store/index.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { currentRun } from '../support/test-run.ts';

const CHANGES = 50;

/** Each change is larger than the space that the database has left in its last page. */
const memory = (at: number) => JSON.stringify({ at, text: 'x'.repeat(20_000) });

/** Whether the change was accepted. An error would end the orchestrator. */
function isAccepted(change: () => void): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}

async function attack(open: (folder: string) => Store) {
  const folder = mkdtempSync(join(tmpdir(), `devenv-test-${currentRun}-disk-`));
  const disk = await SmallDisk.mount(folder, 8);
  try {
    const store = open(folder);
    store.insert({
      name: 'alice',
      port: 3001,
      hostname: 'alice.test',
      socketId: 'alice',
      uid: 200_000,
      createdAt: new Date(0).toISOString(),
      state: { kind: 'present' },
      shouldRun: true,
      routeMemory: null,
      noticeMemory: null,
      relayKey: null,
    });
    await disk.fill();
    const changes = Array.from({ length: CHANGES }, (_, at) => memory(at));
    const accepted = changes.filter((routeMemory) =>
      isAccepted(() => store.update('alice', { routeMemory })),
    ).length;
    store.close();
    const again = openStore(join(folder, 'state.db'));
    const isSaved = again.students()[0]?.routeMemory === memory(CHANGES - 1);
    again.close();
    const figures = `${accepted} of ${CHANGES} changes accepted, the last one ${isSaved ? 'saved' : 'lost'}`;
    return heldIf(accepted === CHANGES && isSaved, figures);
  } finally {
    await disk.unmount();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const probe: Probe = {
  name: 'fill-host-disk',
  attack: 'the disk of the state folder is full while links open and close, and the orchestrator stops',
  runs: 'ci',
  knownGap: null,
  run: () =>
    attack((folder) => {
      const store = openStore(join(folder, 'state.db'));
      return new ResilientStore({
        store,
        stateDir: folder,
        clock: systemClock,
        log: pino({ level: 'silent' }),
      });
    }),
  runUnprotected: () => attack((folder) => openStore(join(folder, 'state.db'))),
};
