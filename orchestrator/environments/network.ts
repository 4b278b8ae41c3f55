/** The students' network: a bridge for each instance, on which containers can't reach each other. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { DevenvError, messageOf } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';
import { freeSubnets, parseSubnet, readHostRoutes } from './subnet.ts';

/** Names that follow from the instance. */
export interface StudentNetwork {
  name: string;
  /** The bridge's interface on the host: a hash of the instance, since such names have at most 15 characters. */
  bridge: string;
}

export function networkOf(instance: string): StudentNetwork {
  const hash = createHash('sha256').update(instance).digest('hex').slice(0, 12);
  return { name: `devenv-${instance}`, bridge: `dv-${hash}` };
}

/** Label with the state folder of the installation that created the network. */
const OWNER_LABEL = 'devenv.state-dir';

/**
 * Throws `conflict` where another installation on this engine uses the same instance name: each would treat the other's
 * students as its own.
 */
export async function refuseForeignNetwork(
  docker: Docker,
  { instance, stateDir }: { instance: string; stateDir: string },
): Promise<void> {
  const { name } = networkOf(instance);
  const [network] = (await docker.listNetworks({ filters: { name: [name] } })).filter(
    (each) => each.Name === name,
  );
  const owner = network?.Labels?.[OWNER_LABEL];
  if (owner === undefined || owner === stateDir) return;
  throw new DevenvError({
    code: 'conflict',
    what: `The instance '${instance}' belongs to another installation on this engine, with its state in ${owner}.`,
    next: `Choose another name for this one (DEVENV_INSTANCE). If the other is gone for good: docker network rm ${name}`,
  });
}

/** Networks that neither the engine nor the host uses. */
async function findSubnets(docker: Docker, instance: string): Promise<string[]> {
  const networks = await docker.listNetworks();
  const ofEngine = networks.flatMap((each) => each.IPAM?.Config ?? []).flatMap((each) => each.Subnet ?? []);
  const ipv4 = ofEngine.filter((cidr) => !cidr.includes(':'));
  return freeSubnets(instance, [...ipv4.map(parseSubnet), ...readHostRoutes().map((route) => route.subnet)]);
}

/**
 * Creates the network if there is none; keeps one that exists, whatever `subnet` says. Throws `network` where no addresses
 * are free, or `conflict`.
 */
export async function ensureNetwork(
  docker: Docker,
  { instance, stateDir, subnet }: Pick<Settings, 'instance' | 'stateDir' | 'subnet'>,
): Promise<StudentNetwork> {
  await refuseForeignNetwork(docker, { instance, stateDir });
  const network = networkOf(instance);
  try {
    await docker.getNetwork(network.name).inspect();
    return network;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
  for (const cidr of subnet === null ? await findSubnets(docker, instance) : [subnet]) {
    try {
      await docker.createNetwork({
        Name: network.name,
        CheckDuplicate: true,
        Driver: 'bridge',
        EnableIPv6: false,
        IPAM: { Driver: 'default', Config: [{ Subnet: cidr }] },
        Labels: { 'devenv.instance': instance, [OWNER_LABEL]: stateDir },
        Options: {
          'com.docker.network.bridge.name': network.bridge,
          'com.docker.network.bridge.enable_icc': 'false',
        },
      });
      return network;
    } catch (error) {
      // 409: another process has created it in the meantime.
      if (isStatus(error, 409)) return network;
      // Another process has just taken the addresses: try the next ones.
      if (!/overlap/i.test(messageOf(error))) throw explainEngineError(error, "create the students' network");
    }
  }
  throw new DevenvError({
    code: 'network',
    what:
      subnet === null
        ? "Every network that devenv may choose for the students' bridge is in use on this host."
        : `The setting subnet (${subnet}) overlaps another network of this engine.`,
    next: 'Set `subnet` to a private network that is free here: `ip route` and `docker network ls` show those in use.',
  });
}
