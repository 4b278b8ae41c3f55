/**
 * The buffers of an environment's connections. On cgroup v2 the memory limit includes them. On v1 they have a limit of
 * their own, which `runc` does not set: it ignores the engine's option for it.
 */
import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import type Docker from 'dockerode';

const FOLDER = '/sys/fs/cgroup/memory';
const FILE = 'memory.kmem.tcp.limit_in_bytes';

/** The buffers may take this share of the memory limit, on top of it. */
const SHARE_OF_MEMORY = 1 / 8;

/** The memory cgroup of a process, as `/proc/PID/cgroup` has it; null on cgroup v2. */
export function memoryCgroup(text: string): string | null {
  return text.match(/^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.+)$/m)?.[1] ?? null;
}

/**
 * Limits the buffers of a container that runs. Does nothing on cgroup v2, and where this process may not do it:
 * `devenv doctor` reports that.
 */
export async function limitTcpMemory(container: Docker.Container, memoryBytes: number): Promise<void> {
  const { Id, State } = await container.inspect();
  try {
    const cgroup = memoryCgroup(await readFile(`/proc/${State.Pid}/cgroup`, 'utf8'));
    // With an engine on another host, the process of this number is a different one.
    if (cgroup?.includes(Id)) {
      await writeFile(`${FOLDER}${cgroup}/${FILE}`, String(Math.floor(memoryBytes * SHARE_OF_MEMORY)));
    }
  } catch {
    // The container has ended, or this process may not change cgroups.
  }
}

/** Whether this process can set the limit; also true where nothing has to be set. `version`: of cgroups, as the engine has it. */
export async function canLimitTcpMemory(version: string): Promise<boolean> {
  if (version !== '1') return true;
  return access(`${FOLDER}/${FILE}`, constants.W_OK).then(
    () => true,
    () => false,
  );
}
