import Docker from 'dockerode';
import { removeFirewall } from '../../orchestrator/environments/firewall.ts';
import { firewallRules } from '../../orchestrator/environments/firewall-rules.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';

/** Removes containers, homes, network and firewall of an instance, whatever state they are in. */
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
