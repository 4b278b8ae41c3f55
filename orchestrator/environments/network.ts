/** The students' network: a bridge for each instance, on which containers can't reach each other. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';

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

/** Creates the network if there is none. Throws `network` where the engine has no addresses left, or `conflict`. */
export async function ensureNetwork(
  docker: Docker,
  { instance, stateDir }: { instance: string; stateDir: string },
): Promise<StudentNetwork> {
  await refuseForeignNetwork(docker, { instance, stateDir });
  const network = networkOf(instance);
  try {
    await docker.getNetwork(network.name).inspect();
    return network;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
  try {
    await docker.createNetwork({
      Name: network.name,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      Labels: { 'devenv.instance': instance, [OWNER_LABEL]: stateDir },
      Options: {
        'com.docker.network.bridge.name': network.bridge,
        'com.docker.network.bridge.enable_icc': 'false',
      },
    });
  } catch (error) {
    // 409: another process has created it in the meantime.
    if (!isStatus(error, 409)) throw explainEngineError(error, "create the students' network");
  }
  return network;
}
