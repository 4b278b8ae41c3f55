/** How much memory an environment has used at most: the kernel's own figure, read inside, since the engine has none on v2. */
import type Docker from 'dockerode';
import { execInContainer } from './exec-in-container.ts';

/** cgroup v2 (Linux 5.19 and newer), and v1. */
const FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];

/** An environment without memory may be slow to say, in ms. */
const PATIENCE = 3000;

/** In bytes; null where it can't be had: the environment may be gone. */
export async function memoryPeak(container: Docker.Container): Promise<number | null> {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const { output } = await execInContainer(container, ['/bin/cat', ...FILES], { signal });
    const [digits] = output.match(/^\d{1,15}$/m) ?? [];
    return digits === undefined ? null : Number(digits);
  } catch {
    return null;
  }
}
