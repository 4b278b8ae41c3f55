/**
 * A day of a class: each student opens and closes their link some times, at random moments of 8 hours. Time is scaled:
 * the day, the API's latency and the grace of records alike. What is not: a batch window lasts 15 ms or more,
 * which at this scale is 15 s, so that more changes share a run than on a real day.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MockCloudflare, seededRandom } from '../../cloudflare/index.ts';
import { Classroom } from './classroom.ts';
import { SentCalls } from './sent-calls.ts';

const SCALE = 1000;
const STUDENTS = 30;
const OPENINGS = 10;
const DAY_MS = 8 * 3600_000;
/** The grace period of a session's record, in whole seconds as the setting needs: 17 minutes at this scale. */
const DNS_GRACE_SECONDS = '1';

export interface DayFigures {
  scale: number;
  opens: number;
  /** API calls of the whole day, by what they are for. */
  calls: { rules: number; records: number; liveness: number };
  perOpen: number;
}

/** When each student opens and closes their link, in order. */
function timetable(random: () => number): { at: number; name: string; isIn: boolean }[] {
  return Array.from({ length: STUDENTS }, (_, index) => {
    const moments = Array.from({ length: 2 * OPENINGS }, () => random() * DAY_MS).sort((a, b) => a - b);
    return moments.map((at, turn) => ({ at, name: `s${index}`, isIn: turn % 2 === 0 }));
  })
    .flat()
    .sort((a, b) => a.at - b.at);
}

export async function simulateDay(dns: 'student' | 'session', seed: number): Promise<DayFigures> {
  const mock = await MockCloudflare.start({
    seed,
    plan: 'paid',
    latency: { ms: 250 / SCALE, jitterMs: 100 / SCALE },
  });
  const calls = new SentCalls();
  const stopWatching = calls.watch(mock.baseUrl);
  const env = {
    ...mock.env(),
    DEVENV_DNS: dns,
    DEVENV_DNS_GRACE: DNS_GRACE_SECONDS,
    DEVENV_CLOUDFLARE_BUDGET: '1200',
  };
  const classroom = await Classroom.open(STUDENTS, env, calls);
  try {
    const from = calls.all.length;
    const started = performance.now();
    for (const { at, name, isIn } of timetable(seededRandom(seed))) {
      await sleep(Math.max(0, started + at / SCALE - performance.now()));
      classroom.be(name, isIn);
    }
    await classroom.quiet();
    const made = calls.all.slice(from);
    const count = (part: string) => made.filter(({ path }) => path.includes(part)).length;
    return {
      scale: SCALE,
      opens: STUDENTS * OPENINGS,
      calls: {
        rules: count('/configurations'),
        records: count('/dns_records'),
        liveness: count('/connections'),
      },
      perOpen: made.length / (STUDENTS * OPENINGS),
    };
  } finally {
    await classroom.close();
    stopWatching();
    await mock.stop();
  }
}
