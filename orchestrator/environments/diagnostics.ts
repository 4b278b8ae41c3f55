/** What `devenv doctor` looks at in the engine, each with what to do. */

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type Docker from 'dockerode';
import type { Diagnostic } from '../domain.ts';
import { messageOf } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { sizeInBytes } from './container-options.ts';
import { networkOf } from './network.ts';

/** Less free disk than this and the next `npm install` of a class may fill it, in bytes. */
const LITTLE_DISK = 5 * 2 ** 30;

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;

async function look(subject: string, task: () => Promise<Omit<Diagnostic, 'subject'>>): Promise<Diagnostic> {
  try {
    return { subject, ...(await task()) };
  } catch (error) {
    const found = messageOf(error);
    return {
      subject,
      ok: false,
      found,
      next: 'Start the engine: `devenv up` does, as root.',
    };
  }
}

/** Every check, in the order in which they depend on each other. */
export async function examine(
  docker: Docker,
  settings: Settings,
  /** The image that was made sure of last, and one that an environment runs with. */
  { image, inUse }: { image: string | null; inUse: string | null },
  firewallStands: (image: string) => Promise<boolean>,
): Promise<Diagnostic[]> {
  const engine = await look('Docker engine', async () => {
    const { Version, ApiVersion } = await docker.version();
    return { ok: true, found: `${Version} (API ${ApiVersion})`, next: null };
  });
  if (!engine.ok) return [engine];
  const info = (await docker.info()) as {
    CgroupVersion?: string;
    MemoryLimit?: boolean;
    PidsLimit?: boolean;
  };
  const limits = info.MemoryLimit !== false && info.PidsLimit !== false;
  const networks = await docker.listNetworks({
    filters: { name: [networkOf(settings.instance).name] },
  });
  const { bavail, bsize } = await statfs(existsSync(settings.stateDir) ? settings.stateDir : '/');
  const free = bavail * bsize;
  const fitting = Math.floor(totalmem() / sizeInBytes(settings.limits.memory));
  return [
    engine,
    {
      subject: 'Limits',
      ok: limits,
      found: `cgroup v${info.CgroupVersion ?? '1'}, ${limits ? 'memory and processes are limited' : 'the engine cannot limit memory or processes'}`,
      next: limits
        ? null
        : 'Boot with the memory and pids cgroups enabled; one student can now starve the others.',
    },
    {
      subject: 'Student image',
      ok: true,
      found: image ?? 'not looked for yet: the next `create` or `start` makes sure of it',
      next: null,
    },
    {
      subject: 'Network',
      ok: true,
      found:
        networks.length > 0
          ? networkOf(settings.instance).name
          : 'not made yet: the first `create` does that',
      next: null,
    },
    inUse === null
      ? { subject: 'Firewall', ok: true, found: 'not needed while no environment runs', next: null }
      : await look('Firewall', async () => {
          const ok = await firewallStands(inUse);
          return {
            ok,
            found: ok ? 'stands' : 'is not as it should be',
            next: ok ? null : 'It is put back within 20 s; if not, `devenv logs` says why.',
          };
        }),
    {
      subject: 'Disk',
      ok: free > LITTLE_DISK,
      found: `${gigabytes(free)} free`,
      next: free > LITTLE_DISK ? null : 'Make room: `docker system df`, `docker image prune`.',
    },
    {
      subject: 'Memory',
      ok: true,
      found: `${gigabytes(totalmem())}, ${availableParallelism()} CPUs: ${fitting} students at their full ${settings.limits.memory}`,
      next: null,
    },
  ];
}
