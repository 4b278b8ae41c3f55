import Docker from 'dockerode';
import { networkOf } from '../../orchestrator/environments/network.ts';

/** Removes containers, homes and the network of an instance, whatever state they are in. */
export async function removeInstance(instance: string): Promise<void> {
  const docker = new Docker();
  const filters = { label: [`devenv.instance=${instance}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
  }
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes ?? [])
    await docker
      .getVolume(Name)
      .remove()
      .catch(() => undefined);
  await docker
    .getNetwork(networkOf(instance).name)
    .remove()
    .catch(() => undefined);
}
