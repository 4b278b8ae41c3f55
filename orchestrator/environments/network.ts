/** The students' bridge: one per instance, on which containers don't reach each other. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
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

/** Makes sure of the bridge. Throws a DevenvError (`network` where the host has no addresses left). */
export async function ensureNetwork(docker: Docker, instance: string): Promise<StudentNetwork> {
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
      Labels: { 'devenv.instance': instance },
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
