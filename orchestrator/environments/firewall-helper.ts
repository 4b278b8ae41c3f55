/**
 * Keeps the students' firewall in place, by a short-lived helper container on the host's network: it works the
 * same whether the daemon is root, a user with access to the engine, or a container itself.
 */
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import type { FirewallRules } from './firewall-rules.ts';

/** Marks the helper's container with the bridge that it works for. */
const HELPER_LABEL = 'devenv.helper';

export type FirewallDeed = 'put' | 'check' | 'remove';

/** Helpers of a daemon that was killed while they ran: those made before `since`, in ms since 1970. */
export async function removeLeftHelpers(docker: Docker, bridge: string, since: number): Promise<void> {
  const filters = { label: [`${HELPER_LABEL}=${bridge}`], status: ['created', 'exited', 'dead'] };
  for (const { Id, Created } of await docker.listContainers({ all: true, filters })) {
    // In whole seconds: one of this very second may be in use.
    if (Created >= Math.floor(since / 1000)) continue;
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
  }
}

/** Runs the helper; resolves to what it complained of, null where all is well. */
async function runHelper(docker: Docker, image: string, rules: FirewallRules, deed: FirewallDeed) {
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['/usr/lib/devenv/firewall.sh', deed],
    User: '0:0',
    Env: [
      `BRIDGE=${rules.bridge}`,
      `FORWARD=${rules.forward}`,
      `INPUT=${rules.input}`,
      `RULES4=${rules.v4}`,
      `RULES6=${rules.v6}`,
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    ],
    Labels: { [HELPER_LABEL]: rules.bridge },
    HostConfig: {
      NetworkMode: 'host',
      CapDrop: ['ALL'],
      // NET_RAW: the legacy back end of iptables opens a raw socket.
      CapAdd: ['NET_ADMIN', 'NET_RAW'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: { '/run': 'size=64k' },
    },
  });
  try {
    await container.start();
    const { StatusCode: status } = (await container.wait()) as {
      StatusCode: number;
    };
    if (status === 0) return null;
    // Without its words the status has to do: somebody may have cleaned up behind us.
    const output = await container.logs({ stdout: true, stderr: true }).then(String, () => '');
    // Each chunk of a container's log has a header of eight bytes, which is no text.
    return output.replace(/[^\x20-\x7e\n]/g, '').trim() || `exit code ${status}`;
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

/** Puts the firewall in place. Throws `network` where it can't: then no student may be started. */
export async function putFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<void> {
  const complaint = await runHelper(docker, image, rules, 'put');
  if (complaint === null) return;
  throw new DevenvError({
    code: 'network',
    what: `The students' firewall could not be put in place: ${complaint}`,
    next: 'No student is started without it. Check that the engine runs with iptables (not `--iptables=false`).',
  });
}

/** Whether the firewall stands as it should. */
export async function isFirewallUp(docker: Docker, image: string, rules: FirewallRules): Promise<boolean> {
  return (await runHelper(docker, image, rules, 'check')) === null;
}

/** Takes the firewall away: for an instance that is removed altogether. */
export async function removeFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<void> {
  await runHelper(docker, image, rules, 'remove');
}
