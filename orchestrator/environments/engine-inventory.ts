/** Finds what the engine has of an instance, by the labels of containers and homes. */
import type Docker from 'dockerode';
import { explainEngineError } from './engine-errors.ts';
import type { ObservedEnvironment } from './types.ts';

/** Every student with a container or a home. */
export async function listEnvironments(docker: Docker, instance: string): Promise<ObservedEnvironment[]> {
  const filters = { label: [`devenv.instance=${instance}`] };
  try {
    const [containers, { Volumes: volumes }] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listVolumes({ filters }),
    ]);
    const observed = new Map<string, ObservedEnvironment>();
    for (const volume of volumes ?? []) {
      const student = volume.Labels?.['devenv.student'];
      if (student) observed.set(student, { student, state: 'missing', home: true, image: null });
    }
    for (const container of containers) {
      const student = container.Labels['devenv.student'];
      if (!student) continue;
      const state = container.State === 'running' ? 'running' : 'stopped';
      observed.set(student, { student, state, home: observed.has(student), image: container.Image });
    }
    return [...observed.values()];
  } catch (error) {
    throw explainEngineError(error, 'list the environments');
  }
}

/** Label with the uid of an environment's processes. */
export const UID_LABEL = 'devenv.uid';

/** The uids of all environments in the engine: other installations share the kernel's limits of each uid. */
export async function listUids(docker: Docker): Promise<ReadonlySet<number>> {
  try {
    const containers = await docker.listContainers({ all: true, filters: { label: [UID_LABEL] } });
    return new Set(containers.map(({ Labels }) => Number(Labels[UID_LABEL])));
  } catch (error) {
    throw explainEngineError(error, 'list the uids of the environments');
  }
}

/** The image of an environment that runs or is paused, whichever daemon started it; null if none does. */
export async function imageInUse(docker: Docker, instance: string): Promise<string | null> {
  const filters = { label: [`devenv.instance=${instance}`], status: ['running', 'paused'] };
  const [environment] = await docker.listContainers({ filters });
  return environment?.ImageID ?? null;
}
