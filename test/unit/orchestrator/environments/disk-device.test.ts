/** Which block device the engine limits. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deviceNumber, wholeDevice } from '../../../../orchestrator/environments/disk-device.ts';

const folder = mkdtempSync(join(tmpdir(), 'devenv-sysfs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function device(number: string, path: string, name: string, isPartition = false): void {
  mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, path, 'uevent'), `MAJOR=1\nDEVNAME=${name}\nDEVTYPE=disk\n`);
  if (isPartition) writeFileSync(join(folder, path, 'partition'), '1\n');
  symlinkSync(join(folder, path), join(folder, number));
}

test('the kernel limits whole devices, so the one with the partition is named', () => {
  device('259:0', 'nvme0n1', 'nvme0n1');
  device('259:2', 'nvme0n1/nvme0n1p2', 'nvme0n1p2', true);
  device('253:0', 'dm-0', 'dm-0');
  device('104:0', 'cciss!c0d0', 'cciss/c0d0');
  expect(['259:0', '259:2', '253:0', '104:0'].map((number) => wholeDevice(number, folder))).toEqual([
    '/dev/nvme0n1',
    '/dev/nvme0n1',
    '/dev/dm-0',
    '/dev/cciss/c0d0',
  ]);
});

test('a file system without a device of its own has none', () => {
  expect(wholeDevice('0:41', folder)).toBe(null);
});

test.each([
  [0xfe00, '254:0'],
  [0x10302, '259:2'],
  [41, '0:41'],
])('device %i of stat is %s', (dev, number) => {
  expect(deviceNumber(dev)).toBe(number);
});
