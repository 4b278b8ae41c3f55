/**
 * Each environment's file system of pseudo-terminals, with a limit of its own: the one that the engine mounts by default
 * has only the limit of the whole host. A volume, because the engine takes mount options for those only.
 * Not with `userns-remap`: its files belong to the host's root, which that user namespace does not know, so that the
 * kernel refuses to open them.
 */
import type Docker from 'dockerode';
import { isStatus } from './engine-errors.ts';

const volumeName = (instance: string, student: string) => `devenv-${instance}-${student}-terminals`;

/** The mount of the container. `limit`: the most terminals. */
export function terminalsMount(instance: string, student: string, limit: number): Docker.MountSettings {
  return {
    Type: 'volume',
    Source: volumeName(instance, student),
    Target: '/dev/pts',
    VolumeOptions: {
      NoCopy: true,
      Labels: { 'devenv.instance': instance },
      DriverConfig: {
        Name: 'local',
        Options: {
          type: 'devpts',
          device: 'devpts',
          // As the engine mounts it: gid 5 is `tty`.
          o: `nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5,max=${limit}`,
        },
      },
    },
  };
}

/**
 * Removes the volume of a container that is gone; does nothing if there is none. The next container would otherwise get
 * the volume with its old limit.
 */
export async function removeTerminals(docker: Docker, instance: string, student: string): Promise<void> {
  try {
    await docker.getVolume(volumeName(instance, student)).remove();
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}
