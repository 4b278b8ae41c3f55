import Docker from 'dockerode';
import { removeFirewall } from '../../orchestrator/environments/firewall.ts';
import { firewallRules } from '../../orchestrator/environments/firewall-rules.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';

const ignore = () => undefined;

/** Removes containers, homes, network and firewall of an instance, whatever state they are in. */
export async function removeInstance(instance: string): Promise<void> {
  const docker = new Docker();
  const filters = { label: [`devenv.instance=${instance}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true }).catch(ignore);
  }
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove().catch(ignore);
  const { name, bridge } = networkOf(instance);
  const network = await docker.listNetworks({ filters: { name: [name] } });
  if (network.length === 0) return;
  await docker.getNetwork(name).remove().catch(ignore);
  const [image] = await docker.listImages({ filters: { label: ['devenv.image=student'] } });
  const tag = image?.RepoTags?.[0];
  if (tag) await removeFirewall(docker, tag, firewallRules({ bridge, resolvers: [], allow: [] }));
}
