/** The block device of the students' homes, on which the engine can limit each container's reads and writes. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type Docker from 'dockerode';
import { engineHost, isThisHost } from './engine-host.ts';

/** The kernel's number of a device, as `254:1`, from that of `stat`. */
export function deviceNumber(dev: number): string {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * The path of a whole device like `/dev/sda`: the kernel limits no partitions. Null where the file system has no device
 * of its own, as with btrfs and ZFS. `sysfs`: the folder with the kernel's list of devices.
 */
export function wholeDevice(number: string, sysfs = '/sys/dev/block'): string | null {
  const link = join(sysfs, number);
  if (!existsSync(link)) return null;
  const folder = realpathSync(link);
  const whole = existsSync(join(folder, 'partition')) ? dirname(folder) : folder;
  const name = readFileSync(join(whole, 'uevent'), 'utf8').match(/^DEVNAME=(.+)$/m)?.[1];
  return `/dev/${name ?? basename(whole)}`;
}

/** The device under the engine's folder of homes; null where it is not known, or the engine runs on another host. */
export async function findDiskDevice(docker: Docker): Promise<string | null> {
  const host = await engineHost(docker);
  if (!isThisHost(host)) return null;
  const { DockerRootDir } = host;
  // A user who is not root can't look into the engine's folder.
  for (const folder of [join(DockerRootDir, 'volumes'), DockerRootDir]) {
    try {
      return wholeDevice(deviceNumber(statSync(folder).dev));
    } catch {
      // It is not on this host, or not accessible.
    }
  }
  return null;
}
