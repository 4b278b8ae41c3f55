/** The students' bridge: one per instance, on which containers don't reach each other. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { explainEngineError, isStatus } from './engine-errors.ts';

export interface StudentNetwork {
  name: string;
  /** The bridge's interface on the host: at most 15 characters, so it is a hash of the instance. */
  bridge: string;
}

export function networkOf(instance: string): StudentNetwork {
  const hash = createHash('sha256').update(instance).digest('hex').slice(0, 12);
  return { name: `devenv-${instance}`, bridge: `dv-${hash}` };
}

/** Says whose network it is: the state folder of the installation that made it. */
const OWNER_LABEL = 'devenv.state-dir';

/**
 * Refuses an instance's name that another installation of this engine uses: each would take the other's students for
 * its own. Throws `conflict`.
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

/** Makes sure of the bridge. Throws a DevenvError (`network` where the host has no addresses left). */
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
    // Somebody else was quicker: that is the network we wanted.
    if (!isStatus(error, 409)) throw explainEngineError(error, "make the students' network", null);
  }
  return network;
}
