/** The options of a student's container. */
import { containerOptions } from '../../../../orchestrator/environments/container-options.ts';
import { sizeInBytes } from '../../../../orchestrator/limits-settings.ts';
import { loadSettings } from '../../../../orchestrator/settings.ts';

test.each([
  ['512k', 524_288],
  ['256m', 268_435_456],
  ['2g', 2_147_483_648],
])('%s is %i bytes', (size, bytes) => {
  expect(sizeInBytes(size)).toBe(bytes);
});

const settings = (env: Record<string, string> = {}) =>
  loadSettings({ env: { DEVENV_STATE_DIR: '/tmp', ...env }, hostname: 'lab', uid: 0, home: '/root' });

const spec = {
  student: 'alice',
  port: 3001,
  hostname: 'alice.localhost',
  url: 'http://alice.localhost:8080',
  socketId: 'abc',
  uid: 20_007,
  relayKeyHash: 'a1b2',
};
const host = {
  image: 'devenv-student:1',
  network: 'devenv-lab',
  socketDir: '/tmp/agents/abc',
  disk: '/dev/sda',
  isRemapped: false,
};

test('the container is isolated: no capability, no root, bounded memory, a port on loopback only', () => {
  const { User, HostConfig } = containerOptions(spec, settings(), host);
  expect(User).toBe('20007:20007');
  expect(HostConfig).toMatchObject({
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', expect.stringContaining('seccomp={"defaultAction":"SCMP_ACT_ERRNO"')],
    PortBindings: { '61080/tcp': [{ HostIp: '127.0.0.1', HostPort: '3001' }] },
    RestartPolicy: { Name: 'no' },
    ReadonlyRootfs: true,
    ShmSize: 64 * 2 ** 20,
    Memory: 2 * 2 ** 30,
    MemorySwap: 2 * 2 ** 30,
    BlkioDeviceWriteIOps: [{ Path: '/dev/sda', Rate: 1000 }],
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 50 * 2 ** 20 }],
  });
});

test('reads and writes are not limited where the device of the homes is not known', () => {
  const { HostConfig } = containerOptions(spec, settings(), { ...host, disk: null });
  expect(Object.keys(HostConfig ?? {}).filter((name) => name.startsWith('Blkio'))).toEqual([]);
});

test('the label devenv.spec changes with the options, and only with them', () => {
  const labelOf = (...args: Parameters<typeof containerOptions>) =>
    containerOptions(...args).Labels?.['devenv.spec'];
  const label = labelOf(spec, settings(), host);
  expect(labelOf({ ...spec }, settings(), { ...host })).toBe(label);
  expect(labelOf(spec, settings(), { ...host, image: 'devenv-student:2' })).not.toBe(label);
  expect(labelOf({ ...spec, port: 3002 }, settings(), host)).not.toBe(label);
  expect(labelOf({ ...spec, uid: 20_008 }, settings(), host)).not.toBe(label);
  expect(labelOf({ ...spec, relayKeyHash: 'c3d4' }, settings(), host)).not.toBe(label);
  expect(labelOf(spec, settings({ DEVENV_LIMITS_MEMORY: '1g' }), host)).not.toBe(label);
  expect(labelOf(spec, settings({ DEVENV_LIMITS_TERMINALS: '8' }), host)).not.toBe(label);
});

test('with userns-remap, the engine mounts the terminals itself', () => {
  const targets = (isRemapped: boolean) =>
    containerOptions(spec, settings(), { ...host, isRemapped }).HostConfig?.Mounts?.map(
      ({ Target }) => Target,
    );
  expect(targets(false)).toContain('/dev/pts');
  expect(targets(true)).not.toContain('/dev/pts');
});
