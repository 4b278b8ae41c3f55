/**
 * Closes Docker's own name server in a running environment: it knows the names of all students. Docker offers no option
 * for this. A short-lived helper container on the environment's network adds one rule there, which lasts until the
 * environment stops; the student has no right to change it.
 */
import type Docker from 'dockerode';
import { decodeFrames } from './container-log.ts';
import { HELPER_LABEL } from './firewall-helper.ts';
import { ENGINE_RESOLVER } from './name-servers.ts';

/** Adds the rule once, with a back end of iptables that works. The filter sees Docker's address whatever the port is. */
const SCRIPT = `set -eu
add() { "$1" -w 5 -C OUTPUT -d ${ENGINE_RESOLVER} -j REJECT 2>/dev/null || "$1" -w 5 -I OUTPUT -d ${ENGINE_RESOLVER} -j REJECT; }
add iptables-nft || add iptables-legacy`;

/** `bridge`: the students' bridge, by which a later daemon finds a helper that was left. Throws where it fails. */
export async function closeEngineResolver(
  docker: Docker,
  { containerId, image, bridge }: { containerId: string; image: string; bridge: string },
): Promise<void> {
  const helper = await docker.createContainer({
    Image: image,
    Cmd: ['/bin/sh', '-c', SCRIPT],
    User: '0:0',
    Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    Labels: { [HELPER_LABEL]: bridge },
    HostConfig: {
      NetworkMode: `container:${containerId}`,
      CapDrop: ['ALL'],
      // NET_RAW: the legacy back end of iptables opens a raw socket.
      CapAdd: ['NET_ADMIN', 'NET_RAW'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: { '/run': 'size=64k' },
    },
  });
  try {
    await helper.start();
    const { StatusCode: exitCode } = (await helper.wait()) as { StatusCode: number };
    if (exitCode === 0) return;
    const output = await helper.logs({ stdout: true, stderr: true }).then(decodeFrames, () => '');
    throw new Error(output.trim() || `exit code ${exitCode}`);
  } finally {
    await helper.remove({ force: true }).catch(() => undefined);
  }
}
