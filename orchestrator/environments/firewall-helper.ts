/**
 * Installs, checks and removes the students' firewall with a short-lived helper container on the host's network. This
 * works the same whether the daemon is root, a user with access to the engine, or a container itself.
 */
import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { decodeFrames } from './container-log.ts';
import type { FirewallRules } from './firewall-rules.ts';

/** Label of a helper container: the bridge that it works for. */
export const HELPER_LABEL = 'devenv.helper';

type FirewallOperation = 'install' | 'ensure' | 'check' | 'remove';

/** What a helper found or did. */
export type FirewallState =
  | {
      kind: 'active';
      /** Whether it had to be installed. */
      wasInstalled: boolean;
      /** Whether Docker's own rules exist. Without them students have no internet. */
      hasDockerRules: boolean;
      /** Whether each student's connections and bandwidth are limited. A kernel may have no module for it. */
      hasLimits: boolean;
    }
  | {
      kind: 'inactive';
      /** What iptables said. */
      reason: string;
      /** Whether the helper has taken the bridge down, so that students reach nothing. */
      isDisconnected: boolean;
    };

/** The helper's exit code where it has taken the bridge down. */
const EXIT_DISCONNECTED = 4;

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

/** Runs the helper. Rejects where the engine could not run it: the firewall's state is then unknown. */
async function runHelper(
  docker: Docker,
  image: string,
  rules: FirewallRules,
  operation: FirewallOperation,
): Promise<FirewallState> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['/bin/sh', '-c', script, 'firewall.sh', operation],
    User: '0:0',
    Env: [
      `BRIDGE=${rules.bridge}`,
      `FORWARD=${rules.forward}`,
      `INPUT=${rules.input}`,
      `EGRESS=${rules.egress}`,
      `PREROUTING=${rules.prerouting}`,
      `RULES4=${rules.v4}`,
      `RULES6=${rules.v6}`,
      `UPLOAD=${rules.limits.upload}`,
      `DOWNLOAD=${rules.limits.download}`,
      `LIMITS4=${rules.limits.v4}`,
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    ],
    Labels: { [HELPER_LABEL]: rules.bridge },
    HostConfig: {
      NetworkMode: 'host',
      // With `userns-remap`, only a container in the host's user namespace may use the host's network.
      UsernsMode: 'host',
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
    // Another process may have removed the container meanwhile: then only the exit code is known.
    const output = await container.logs({ stdout: true, stderr: true }).then(decodeFrames, () => '');
    return stateFrom(exitCode, output);
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

function stateFrom(exitCode: number, output: string): FirewallState {
  const lines = output.split('\n').map((line) => line.trim());
  if (exitCode === 0) {
    return {
      kind: 'active',
      wasInstalled: lines.includes('installed'),
      hasDockerRules: !lines.includes('no Docker rules'),
      hasLimits: !lines.includes('no limits'),
    };
  }
  const reason = lines.filter((line) => line !== '').join(' ') || `exit code ${exitCode}`;
  return { kind: 'inactive', reason, isDisconnected: exitCode === EXIT_DISCONNECTED };
}

/**
 * Installs the firewall, whether or not it is active; the students' network is disconnected where that fails, and
 * connected again where it succeeds.
 */
export function installFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<FirewallState> {
  return runHelper(docker, image, rules, 'install');
}

/** Like `installFirewall`, but changes nothing where all jumps and rules exist. */
export function ensureFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<FirewallState> {
  return runHelper(docker, image, rules, 'ensure');
}

/** Whether all of the firewall's jumps and rules exist. Changes nothing. */
export function checkFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<FirewallState> {
  return runHelper(docker, image, rules, 'check');
}

/** Removes the firewall of an instance that is removed. */
export async function removeFirewall(docker: Docker, image: string, rules: FirewallRules): Promise<void> {
  await runHelper(docker, image, rules, 'remove');
}
