import Docker from 'dockerode';
import { removeFirewall, removeLeftHelpers } from '../../orchestrator/environments/firewall-helper.ts';
import { firewallRules } from '../../orchestrator/environments/firewall-rules.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';

const ignore = () => undefined;

/** Names of the containers and homes of an instance that the engine has, sorted. */
export async function inEngine(instance: string): Promise<string[]> {
  const docker = new Docker();
  const filters = { label: [`devenv.instance=${instance}`] };
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes } = await docker.listVolumes({ filters });
  return [
    ...containers.map(({ Names }) => Names[0] ?? ''),
    ...(Volumes ?? []).map(({ Name }) => Name),
  ].sort();
}

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
  await removeLeftHelpers(docker, bridge, Date.now() + 1000);
  const network = await docker.listNetworks({ filters: { name: [name] } });
  if (network.length === 0) return;
  await docker.getNetwork(name).remove().catch(ignore);
  const images = await docker.listImages({ filters: { label: ['devenv.image=student'] } });
  // While another run builds, the newest has no name yet: the engine says `<none>:<none>`. A name may go any time.
  const image = images.find(({ RepoTags }) => RepoTags?.some((tag) => !tag.startsWith('<none>')));
  if (image) await removeFirewall(docker, image.Id, firewallRules({ bridge, resolvers: [], allow: [] }));
}
