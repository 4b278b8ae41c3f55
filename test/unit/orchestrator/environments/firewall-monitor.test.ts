/** When the firewall is checked and installed, and what is reported where it can't be. */
import type Docker from 'dockerode';
import { pino } from 'pino';
import { FirewallMonitor } from '../../../../orchestrator/environments/firewall-monitor.ts';
import type { Problem } from '../../../../orchestrator/errors.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
/** The operations of all helpers, with their images. */
let operations: string[];
let isActive: boolean;
/** Exit code of a helper that can't install the firewall; 0: it can. */
let failure: number;
let imageInUse: string | null;
let stop: AbortController;
let monitor: FirewallMonitor;
let reported: (Problem | null)[];
/** Addresses of the environments that run. */
let running: Record<string, string>;
/** The IPv4 rules of the newest helper. */
let newestRules: string;

/** Output as the engine frames it: a header of eight bytes with the payload's length. */
function frame(text: string): Buffer {
  const header = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** An engine whose helpers only record what they were started for. */
const docker = {
  listContainers: async () =>
    Object.entries(running).map(([student, IPAddress]) => ({
      Labels: { 'devenv.student': student },
      NetworkSettings: { Networks: { 'devenv-lab': { IPAddress } } },
    })),
  createContainer: async ({ Image, Cmd, Env }: { Image: string; Cmd: string[]; Env: string[] }) => {
    newestRules = Env.find((each) => each.startsWith('RULES4=')) ?? '';
    const operation = Cmd.at(-1);
    operations.push(`${operation} ${Image}`);
    let output = '';
    return {
      start: async () => undefined,
      wait: async () => {
        if (failure !== 0) {
          // As long as the length byte `2` of a frame's header.
          output = 'x'.repeat(0x32);
          return { StatusCode: failure };
        }
        if (operation === 'ensure' && !isActive) output = 'installed\n';
        if (operation !== 'check') isActive = true;
        return { StatusCode: isActive ? 0 : 1 };
      },
      logs: async () => frame(output),
      remove: async () => undefined,
    };
  },
} as unknown as Docker;

const watch = (image: () => Promise<string | null> = async () => imageInUse) =>
  monitor.watch(image, (problem) => reported.push(problem), stop.signal);

beforeEach(() => {
  clock = new ManualClock();
  operations = [];
  reported = [];
  running = {};
  isActive = true;
  failure = 0;
  imageInUse = 'image';
  stop = new AbortController();
  const limits = { connections: 2000, newConnections: 50, bandwidth: '20m' };
  const settings = {
    instance: 'lab',
    resolvers: ['10.0.0.53'],
    allow: [],
    deny: [],
    allowMail: false,
    limits,
  };
  monitor = new FirewallMonitor({ docker, settings, log: pino({ level: 'silent' }), clock });
});

test('it is ensured at once and every 15 s', async () => {
  const watching = watch();
  await clock.advance(0);
  expect(operations).toEqual(['ensure image']);
  isActive = false;
  await clock.advance(14_999);
  expect(operations).toHaveLength(1);
  await clock.advance(1);
  expect(operations).toEqual(['ensure image', 'ensure image']);
  expect([isActive, reported]).toEqual([true, []]);
  stop.abort();
  await watching;
});

test('while no student runs there is no check', async () => {
  imageInUse = null;
  const watching = watch();
  await clock.advance(60_000);
  expect(operations).toEqual([]);
  imageInUse = 'image';
  await clock.advance(15_000);
  expect(operations).toEqual(['ensure image']);
  stop.abort();
  await watching;
});

test('a failed check does not end the watch', async () => {
  let calls = 0;
  const watching = watch(() => {
    calls += 1;
    return Promise.reject(new Error('the engine restarts'));
  });
  await clock.advance(30_000);
  expect(calls).toBe(3);
  stop.abort();
  await watching;
});

test('students who start at once share one installation', async () => {
  await Promise.all([monitor.install('image'), monitor.install('image')]);
  expect(operations).toEqual(['install image']);
  await monitor.install('image');
  expect(operations).toHaveLength(2);
});

test('a disconnected network is reported once, and again when it is connected', async () => {
  const watching = watch();
  failure = 4;
  await clock.advance(30_000);
  // Without the frame's header, whose length byte is a printable `2`.
  const what = `The students' firewall could not be installed: ${'x'.repeat(0x32)}. Until it can be, students have no network and their links do not answer.`;
  expect(reported).toEqual([expect.objectContaining({ code: 'network', what })]);
  expect(monitor.problem).toEqual(reported[0]);
  failure = 0;
  await clock.advance(15_000);
  expect(reported.slice(1)).toEqual([null]);
  expect(monitor.problem).toBeNull();
  stop.abort();
  await watching;
});

test('a student who cannot start without the firewall is a reason to try again, even if none runs', async () => {
  imageInUse = null;
  const watching = watch();
  failure = 4;
  await expect(monitor.install('image')).rejects.toMatchObject({ code: 'network' });
  expect(reported).toHaveLength(1);
  failure = 0;
  await clock.advance(15_000);
  expect(operations).toEqual(['install image', 'ensure image']);
  expect(reported.slice(1)).toEqual([null]);
  await clock.advance(60_000);
  expect(operations).toHaveLength(2);
  stop.abort();
  await watching;
});

test('a network that could not be disconnected either is a different problem', async () => {
  failure = 5;
  await expect(monitor.install('image')).rejects.toMatchObject({
    what: expect.stringContaining('Students may reach each other and this host.'),
  });
});

test('without internet for the class, only the addresses of exceptions pass, also of those who start later', async () => {
  running = { alice: '172.18.0.2', bob: '172.18.0.3' };
  const sources = () => [...newestRules.matchAll(/-out -s (\S+) -j RETURN/g)].map(([, address]) => address);
  await monitor.setEgress({ everyone: 'none', exceptions: { bob: 'internet', carol: 'internet' } }, 'image');
  expect([newestRules.includes('-j REJECT --reject-with tcp-reset'), sources()]).toEqual([
    true,
    ['172.18.0.3'],
  ]);
  running.carol = '172.18.0.4';
  await monitor.onStarted('image');
  expect(sources()).toEqual(['172.18.0.3', '172.18.0.4']);
  await monitor.setEgress({ everyone: 'internet', exceptions: {} }, 'image');
  expect([newestRules.includes('tcp-reset'), sources()]).toEqual([false, []]);
  const before = operations.length;
  await monitor.onStarted('image');
  expect(operations).toHaveLength(before);
});
