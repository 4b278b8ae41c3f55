/** The most memory that an environment has used. Read from the kernel inside it, since the engine reports none on cgroup v2. */
import type Docker from 'dockerode';
import { execInContainer } from './exec-in-container.ts';

/** The files of cgroup v2 (Linux 5.19 and newer) and v1. */
const FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];

/** An environment that is out of memory answers slowly. */
const READ_TIMEOUT_MS = 3000;

/** In bytes; null where it can't be read: the environment may be gone. */
export async function memoryPeak(container: Docker.Container): Promise<number | null> {
  try {
    const signal = AbortSignal.timeout(READ_TIMEOUT_MS);
    const { output } = await execInContainer(container, ['/bin/cat', ...FILES], { signal });
    const [digits] = output.match(/^\d{1,15}$/m) ?? [];
    return digits === undefined ? null : Number(digits);
  } catch {
    return null;
  }
}
