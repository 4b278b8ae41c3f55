/**
 * Installs, checks and removes the students' firewall with a short-lived helper container on the host's network. This
 * works the same whether the daemon is root, a user with access to the engine, or a container itself.
 */
import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import type { FirewallRules } from './firewall-rules.ts';

/** Label of a helper container: the bridge that it works for. */
const HELPER_LABEL = 'devenv.helper';

type FirewallOperation = 'install' | 'check' | 'remove';

/** Passed to the helper, not part of its image: an environment that runs may have the image of an older devenv. */
const script = readFileSync(new URL('firewall.sh', import.meta.url), 'utf8');

/** Removes the bridge's helpers that were created before `beforeMs` (ms since 1970): those of a killed daemon. */
export async function removeStaleHelpers(docker: Docker, bridge: string, beforeMs: number): Promise<void> {
  const filters = { label: [`${HELPER_LABEL}=${bridge}`], status: ['created', 'exited', 'dead'] };
  for (const { Id, Created } of await docker.listContainers({ all: true, filters })) {
    // The engine reports whole seconds: a helper of this second may be in use.
    if (Created >= Math.floor(beforeMs / 1000)) continue;
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
  }
}

/** Runs the helper. Resolves to null, or to what it printed where it failed. */
async function runHelper(
  docker: Docker,
  image: string,
  rules: FirewallRules,
  operation: FirewallOperation,
): Promise<string | null> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['/bin/sh', '-c', script, 'firewall.sh', operation],
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
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    if (exitCode === 0) return null;
    // Another process may have removed the container meanwhile: then only the exit code is known.
    const log = await container.logs({ stdout: true, stderr: true }).then(String, () => '');
    // Each chunk of a container's log has a binary header.
    return log.replace(/[^\x20-\x7e\n]/g, '').trim() || `exit code ${exitCode}`;
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

/** Installs the firewall, whether or not it is active. Throws `network` on failure: then no student may be started. */
export async function installFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<void> {
  const failure = await runHelper(docker, image, rules, 'install');
  if (failure === null) return;
  throw new DevenvError({
    code: 'network',
    what: `The students' firewall could not be installed: ${failure}`,
    next: 'Without it no student is started. Check that Docker uses iptables (not `--iptables=false`).',
  });
}

/** Whether all of the firewall's jumps and rules exist. */
export async function isFirewallActive(
  docker: Docker,
  image: string,
  rules: FirewallRules,
): Promise<boolean> {
  return (await runHelper(docker, image, rules, 'check')) === null;
}

/** Removes the firewall of an instance that is removed. */
export async function removeFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<void> {
  await runHelper(docker, image, rules, 'remove');
}
