/** When the firewall is checked and installed. */
import type Docker from 'dockerode';
import { pino } from 'pino';
import { FirewallMonitor } from '../../../../orchestrator/environments/firewall-monitor.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
/** The operations of all helpers, with their images. */
let operations: string[];
let isActive: boolean;
let imageInUse: string | null;
let stop: AbortController;
let monitor: FirewallMonitor;

/** An engine whose helpers only record what they were started for. */
const docker = {
  listContainers: async () => [],
  createContainer: async ({ Image, Cmd }: { Image: string; Cmd: string[] }) => {
    const operation = Cmd.at(-1);
    operations.push(`${operation} ${Image}`);
    return {
      start: async () => undefined,
      wait: async () => {
        if (operation === 'install') isActive = true;
        return { StatusCode: operation === 'check' && !isActive ? 1 : 0 };
      },
      logs: async () => Buffer.from(''),
      remove: async () => undefined,
    };
  },
} as unknown as Docker;

beforeEach(() => {
  clock = new ManualClock();
  operations = [];
  isActive = true;
  imageInUse = 'image';
  stop = new AbortController();
  const settings = { instance: 'lab', resolvers: ['10.0.0.53'], allow: [] };
  monitor = new FirewallMonitor({ docker, settings, log: pino({ level: 'silent' }), clock });
});

test('it is checked at once and every 20 s, and installed only where it is not active', async () => {
  const watching = monitor.watch(async () => imageInUse, stop.signal);
  await clock.advance(0);
  expect(operations).toEqual(['check image']);
  isActive = false;
  await clock.advance(19_999);
  expect(operations).toHaveLength(1);
  await clock.advance(1);
  expect(operations.slice(1)).toEqual(['check image', 'install image']);
  await clock.advance(20_000);
  expect(operations.slice(3)).toEqual(['check image']);
  stop.abort();
  await watching;
});

test('while no student runs there is no check', async () => {
  imageInUse = null;
  const watching = monitor.watch(async () => imageInUse, stop.signal);
  await clock.advance(60_000);
  expect(operations).toEqual([]);
  imageInUse = 'image';
  await clock.advance(20_000);
  expect(operations).toEqual(['check image']);
  stop.abort();
  await watching;
});

test('a failed check does not end the watch', async () => {
  let calls = 0;
  const watching = monitor.watch(() => {
    calls += 1;
    return Promise.reject(new Error('the engine restarts'));
  }, stop.signal);
  await clock.advance(40_000);
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
