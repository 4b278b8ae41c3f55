/** What a student's agent is sent, whatever comes in from it. */
import { ConversationRig, easyEdge, nobody, serving } from '../../../support/conversation-rig.ts';
import { waitFor } from '../../../support/wait.ts';

let rig: ConversationRig;
let skippedMs: number;
const realNow = Date.now;

beforeEach(() => {
  rig = new ConversationRig(easyEdge, ['mallory']);
  skippedMs = 0;
  Date.now = () => realNow() + skippedMs;
});

afterEach(async () => {
  Date.now = realNow;
  await rig.routes.stop();
});

const state = () => rig.states.get('mallory');

async function live(): Promise<void> {
  rig.conversation.onReport('mallory', serving(3001));
  await waitFor('the link to be live', () => rig.routes.view('mallory').live);
}

test('news in every report, none ever shown: what is told, kept and sent stays small, and the newest is among it', async () => {
  await live();
  const highest = () => state()?.notices.at(-1)?.id ?? 0;
  // Twenty a second, for a quarter of an hour.
  for (let step = 0; step < 20 * 60 * 15; step += 1) {
    skippedMs += 50;
    rig.conversation.onReport('mallory', serving(4000 + (step % 100), 'chosen'));
  }
  expect(JSON.stringify(state()).length).toBeLessThan(10_000);
  expect(highest()).toBeLessThanOrEqual(20 + 15 * 12);
  // Once it is quiet, the last of it is told, late as it is.
  skippedMs += 5000;
  rig.conversation.onReport('mallory', serving(4321, 'chosen'));
  expect(state()?.notices.at(-1)?.text).toContain('port 4321 now');
});

test('who is told something every few seconds is told each of it at once, in order', async () => {
  await live();
  for (let port = 4000; port < 4040; port += 1) {
    skippedMs += 6000;
    rig.conversation.onReport('mallory', {
      ...serving(port, 'chosen'),
      lastShownNoticeId: state()?.notices.at(-1)?.id ?? 0,
    });
    expect(state()?.notices.map(({ text }) => text)).toEqual([expect.stringContaining(`port ${port} now`)]);
  }
});

test('a link that flaps in every report: few lines in the log, and the agent is told why it stays closed', async () => {
  for (let step = 0; step < 20 * 60; step += 1) {
    skippedMs += 50;
    rig.conversation.onReport('mallory', step % 2 === 0 ? nobody() : serving(3001));
  }
  rig.conversation.onReport('mallory', nobody());
  rig.conversation.onReport('mallory', serving(3001));
  expect(rig.logged.length).toBeLessThan(60 + 20 + 5);
  expect(state()?.link).toEqual({
    phase: 'closed',
    detail: 'it was opened and closed too often; it opens by itself',
  });
  expect(state()?.notes).toEqual([expect.stringContaining('opens by itself within 10 s')]);
  expect(state()?.notices.at(-1)?.text).toMatch(
    /^your link can't be opened: The link was opened and closed too often/,
  );
  // It is left alone: it opens, and that is logged as it is by then.
  skippedMs += 10_000;
  rig.conversation.onReport('mallory', serving(3001));
  await waitFor('the link to be live', () => rig.routes.view('mallory').live);
  skippedMs += 3000;
  rig.conversation.onReport('mallory', serving(3001));
  expect(rig.logged.at(-1)).toContain('link live: a server was started in this session');
});

test('a kill for memory is told with its day: it may be long ago', async () => {
  rig.roster.get('mallory').memoryKill = {
    at: Date.parse('2026-03-04T14:03:59Z'),
    limitBytes: 512 * 2 ** 20,
    peakBytes: null,
  };
  await live();
  expect(state()?.notes).toEqual([
    expect.stringMatching(/^at 2026-03-04 14:03 UTC a program of yours was killed: out of memory /),
  ]);
});
