/** Any report that the protocol accepts, true or not, has bounded effects, and nothing throws. */
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { PROTOCOL_VERSION } from '../../../../orchestrator/protocol/constants.ts';
import { Report } from '../../../../orchestrator/protocol/messages.ts';
import { evaluate, initialMemory, type LinkMemory } from '../../../../orchestrator/routes/desired-state.ts';
import {
  dueNotices,
  initialNoticeMemory,
  type NoticeMemory,
} from '../../../../orchestrator/students/notices.ts';

const seed = Date.now() % 2 ** 31;
const checker = Compile(Report);

/** Texts that are known to break terminals and parsers, and random ones. */
const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength }),
    fc
      .constantFrom('', '\u001b[2J', '\u202e', '__proto__', "'; rm -rf /", '\ud800')
      .map((each) => each.slice(0, maxLength)),
  );
const port = fc.integer({ min: 1, max: 65535 });
const seconds = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.constantFrom(0, 1e12));
const processId = fc.tuple(fc.nat(), fc.nat()).map(([pid, start]) => `${pid}:${start}`);
const terminal = fc.nat({ max: 9_999_999 }).map((number) => `/dev/pts/${number}`);
const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::', '...'));
const commandId = fc.string({ unit: fc.constantFrom(...'!09:/~'), minLength: 1, maxLength: 64 });
const portVariable = fc.constantFrom('ok', 'unset', 'changed');

const report = fc.record({
  kind: fc.constant('report'),
  protocol: fc.constant(PROTOCOL_VERSION),
  sessions: fc.array(fc.record({ id: processId, terminal, ageSeconds: seconds, portVariable }), {
    maxLength: 64,
  }),
  listeners: fc.array(
    fc.record({
      port,
      addresses: fc.array(address, { maxLength: 8 }),
      process: fc.option(processId),
      command: text(200),
      speaks: fc.constantFrom('http', 'https', 'other', null),
      purpose: fc.constantFrom('page', 'admin', 'debugger', null),
      isPublic: fc.boolean(),
    }),
    { maxLength: 64 },
  ),
  starting: fc.array(fc.record({ id: commandId, command: text(200), ageSeconds: seconds }), {
    maxLength: 16,
  }),
  service: fc.option(
    fc.record({
      port,
      address,
      scheme: fc.constantFrom('http', 'https'),
      reason: fc.constantFrom(
        'chosen',
        'port-variable',
        'watched-command',
        'only-web-server',
        'first-web-server',
        'newest-web-server',
      ),
    }),
  ),
  lastSessionEnd: fc.option(fc.record({ kind: fc.constantFrom('exited', 'lost'), ageSeconds: seconds })),
  lastShownNoticeId: fc.nat(),
});

const times = { grace: 30, starting: 60, lease: 30, links: 2 };

let accepted = 0;

test(`any sequence of reports gives a decision, few and short notices, and small memories (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(report, { minLength: 1, maxLength: 8 }), (reports) => {
      let memory: LinkMemory = initialMemory(0);
      let noticeMemory: NoticeMemory = initialNoticeMemory;
      reports.forEach((each, second) => {
        if (!checker.Check(each)) return;
        accepted += 1;
        const now = second * 1000;
        const decided = evaluate(memory, { running: true, report: each, silentMs: 0 }, times, now);
        memory = JSON.parse(JSON.stringify(decided.memory)) as LinkMemory;
        expect(typeof memory.desired).toBe('boolean');
        // False ages can't postpone a decision forever.
        if (decided.evaluateAgainAt !== null)
          expect(decided.evaluateAgainAt).toBeLessThanOrEqual(now + 60_000);
        const { reason, since, openings } = memory;
        const due = dueNotices(noticeMemory, {
          now,
          url: 'http://alice.test',
          phase: memory.desired ? 'open' : 'closed',
          live: memory.desired,
          opening: openings,
          reason,
          since,
          othersInProgress: [],
          problem: null,
          report: each,
          startingSeconds: 60,
          memoryKill: null,
          networkProblem: null,
          egress: 'internet',
          home: each.home ?? null,
          additionalLinks: new Map(),
          maxLinks: 2,
        });
        noticeMemory = JSON.parse(JSON.stringify(due.memory)) as NoticeMemory;
        expect(due.notices.length).toBeLessThanOrEqual(6);
        for (const notice of due.notices) {
          expect(notice.text.length).toBeLessThan(1000);
          // Notices contain no text of the report, only ports and the link.
          expect(notice.text).not.toMatch(/[^ -~…]/);
        }
        expect(JSON.stringify(noticeMemory).length).toBeLessThan(2000);
        expect(JSON.stringify(memory).length).toBeLessThan(4000);
      });
    }),
    { seed, numRuns: 200 },
  );
  expect(accepted).toBeGreaterThan(0);
});

test(`a valid report with an additional or a missing field is refused (seed ${seed})`, () => {
  fc.assert(
    fc.property(report, fc.string(), fc.anything(), (valid, key, value) => {
      if (!Object.hasOwn(valid, key)) expect(checker.Check({ ...valid, [key]: value })).toBe(false);
      for (const each of Object.keys(valid)) {
        const without = Object.fromEntries(Object.entries(valid).filter(([name]) => name !== each));
        expect([each, checker.Check(without)]).toEqual([each, false]);
      }
    }),
    { seed, numRuns: 100 },
  );
});
