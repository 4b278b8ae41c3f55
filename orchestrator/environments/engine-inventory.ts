/** What the engine has of an instance, by the labels of its containers and homes. */
import type Docker from 'dockerode';
import { explainEngineError } from './engine-errors.ts';
import type { ObservedEnvironment } from './types.ts';

export async function listEnvironments(docker: Docker, instance: string): Promise<ObservedEnvironment[]> {
  const filters = { label: [`devenv.instance=${instance}`] };
  try {
    const [containers, { Volumes: volumes }] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listVolumes({ filters }),
    ]);
    const actual = new Map<string, ObservedEnvironment>();
    for (const volume of volumes ?? []) {
      const student = volume.Labels?.['devenv.student'];
      if (student) actual.set(student, { student, state: 'missing', home: true });
    }
    for (const container of containers) {
      const student = container.Labels['devenv.student'];
      if (!student) continue;
      const state = container.State === 'running' ? 'running' : 'stopped';
      actual.set(student, { student, state, home: actual.has(student) });
    }
    return [...actual.values()];
  } catch (error) {
    throw explainEngineError(error, 'list the environments', null);
  }
}

/** The image of an environment that runs, or will when it is unpaused, whichever daemon started it: what the firewall is looked at with. */
export async function imageInUse(docker: Docker, instance: string): Promise<string | null> {
  const filters = { label: [`devenv.instance=${instance}`], status: ['running', 'paused'] };
  const [running] = await docker.listContainers({ filters });
  return running?.ImageID ?? null;
}
