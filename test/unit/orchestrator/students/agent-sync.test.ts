/** What a student's agent is sent, whatever it reports. */
import { watchedCommandsOf } from '../../../../orchestrator/students/agent-sync.ts';
import { AgentSyncRig, exitedReport, instantEdge, servingReport } from '../../../support/agent-sync-rig.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let rig: AgentSyncRig;
let clock: ManualClock;

beforeEach(() => {
  clock = new ManualClock();
  rig = new AgentSyncRig({ edge: instantEdge, clock, students: ['mallory'] });
});

afterEach(() => rig.routes.stop());

const state = () => rig.states.get('mallory');

async function openLink(): Promise<void> {
  rig.agentSync.onReport('mallory', servingReport(3001));
  await clock.advance(1);
  expect(rig.routes.view('mallory').live).toBe(true);
}

test('an agent with news in every report that shows no notice: few notices are kept and sent, the newest among them', async () => {
  await openLink();
  const highestId = () => state()?.notices.at(-1)?.id ?? 0;
  const reportsPerSecond = 20;
  const seconds = 15 * 60;
  for (let step = 0; step < reportsPerSecond * seconds; step += 1) {
    clock.skip(1000 / reportsPerSecond);
    rig.agentSync.onReport('mallory', servingReport(4000 + (step % 100), 'chosen'));
  }
  expect(JSON.stringify(state()).length).toBeLessThan(10_000);
  expect(highestId()).toBeLessThanOrEqual(20 + 15 * 12);
  // Once the agent is quiet, the newest change is still mentioned.
  await clock.advance(5000);
  rig.agentSync.onReport('mallory', servingReport(4321, 'chosen'));
  expect(state()?.notices.at(-1)?.text).toContain('port 4321 now');
});

test('a change every few seconds: each is mentioned at once, in order', async () => {
  await openLink();
  for (let port = 4000; port < 4040; port += 1) {
    await clock.advance(6000);
    rig.agentSync.onReport('mallory', {
      ...servingReport(port, 'chosen'),
      lastShownNoticeId: state()?.notices.at(-1)?.id ?? 0,
    });
    expect(state()?.notices.map(({ text }) => text)).toEqual([expect.stringContaining(`port ${port} now`)]);
  }
});

test('a link that flaps in every report: few log lines, and the agent learns why the link stays closed', async () => {
  for (let step = 0; step < 20 * 60; step += 1) {
    clock.skip(50);
    rig.agentSync.onReport('mallory', step % 2 === 0 ? exitedReport() : servingReport(3001));
  }
  rig.agentSync.onReport('mallory', exitedReport());
  await clock.advance(1);
  rig.agentSync.onReport('mallory', servingReport(3001));
  expect(rig.logged.length).toBeLessThan(60 + 20 + 5);
  expect(state()?.link).toEqual({
    phase: 'closed',
    detail: 'it was opened and closed too often; it opens again automatically',
  });
  expect(state()?.notes).toEqual([expect.stringContaining('opens automatically within 10 s')]);
  expect(state()?.notices.at(-1)?.text).toMatch(
    /^Your link can't be opened: The link was opened and closed too often/,
  );
  // Without further flapping it opens, and the log says so.
  await clock.advance(10_000);
  rig.agentSync.onReport('mallory', servingReport(3001));
  await clock.advance(1);
  expect(rig.routes.view('mallory').live).toBe(true);
  await clock.advance(3000);
  rig.agentSync.onReport('mallory', servingReport(3001));
  expect(rig.logged.at(-1)).toContain('link live: a server was started in this session');
});

test('the note about an out-of-memory kill has a date, since it may be old', async () => {
  rig.roster.get('mallory').memoryKill = {
    at: Date.parse('2026-03-04T14:03:59Z'),
    limitBytes: 512 * 2 ** 20,
    peakBytes: null,
  };
  await openLink();
  expect(state()?.notes).toEqual([
    expect.stringMatching(/^2026-03-04 14:03 UTC: One of your programs was killed: out of memory /),
  ]);
});

test("a student's own patterns are added to the class's", () => {
  const settings = {
    watch: ['npm run dev'],
    watchFor: ['alice=deno task dev', 'bob=bun dev', 'alice=x=y z'],
  };
  expect(watchedCommandsOf('alice', settings)).toEqual(['npm run dev', 'deno task dev', 'x=y z']);
  expect(watchedCommandsOf('carol', settings)).toEqual(['npm run dev']);
});
