/** What the engine and the host's firewall have of an instance. */
import Docker from 'dockerode';
import { removeFirewall, removeStaleHelpers } from '../../orchestrator/environments/firewall-helper.ts';
import { firewallRules } from '../../orchestrator/environments/firewall-rules.ts';
import { loopOf } from '../../orchestrator/environments/home-image.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';
import { $ } from './shell.ts';

const ignore = () => undefined;

/** Names of the containers and volumes of an instance that the engine has, sorted. */
export async function inEngine(instance: string): Promise<string[]> {
  const docker = new Docker();
  const filters = { label: [`devenv.instance=${instance}`] };
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes } = await docker.listVolumes({ filters });
  const names = containers.map(({ Names }) => Names[0] ?? '');
  // A container's terminals belong to it, so they are a leftover only without it.
  const terminals = new Set(names.map((name) => `${name.slice(1)}-terminals`));
  return [...names, ...(Volumes ?? []).map(({ Name }) => Name).filter((name) => !terminals.has(name))].sort();
}

/** The instances that have a container, a home or a network in the engine. */
export async function listInstances(): Promise<Set<string>> {
  const docker = new Docker();
  const filters = { label: ['devenv.instance'] };
  const [containers, { Volumes }, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listVolumes({ filters }),
    docker.listNetworks({ filters }),
  ]);
  const labels = [...containers, ...(Volumes ?? []), ...networks].map((each) => each.Labels);
  return new Set(labels.flatMap((each) => each?.['devenv.instance'] ?? []));
}

/**
 * Removes containers, homes, firewall and networks of an instance, whatever state they are in. The networks go last:
 * where there is none, the firewall is gone too.
 */
export async function removeInstance(instance: string): Promise<void> {
  const docker = new Docker();
  const filters = { label: [`devenv.instance=${instance}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true }).catch(ignore);
  }
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name, Options } of Volumes ?? []) {
    // The kernel keeps a file whose loop device is attached.
    const loop = loopOf(Options);
    if (loop !== null) await $`losetup -d /dev/loop${loop}`.nothrow();
    await docker.getVolume(Name).remove().catch(ignore);
  }
  const { bridge } = networkOf(instance);
  await removeStaleHelpers(docker, bridge, Date.now() + 1000);
  const networks = await docker.listNetworks({ filters });
  if (networks.length === 0) return;
  const images = await docker.listImages({ filters: { label: ['devenv.image=student'] } });
  // While another run builds an image, the newest has no name yet (`<none>:<none>`). Tests have tiny images, too.
  const image = images.find(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('devenv-student:')));
  // Only the names of the chains matter, which no limit changes.
  const limits = { connections: 1, newConnections: 1, bandwidth: '1m' };
  if (image) await removeFirewall(docker, image.Id, firewallRules({ bridge, resolvers: [], limits }));
  for (const { Id } of networks) await docker.getNetwork(Id).remove().catch(ignore);
}
