/** The checks of the engine that `devenv doctor` shows. */
import type Docker from 'dockerode';
import type { Diagnostic } from '../domain.ts';
import { messageOf } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { findDiskDevice } from './disk-device.ts';
import { engineHost, isThisHost } from './engine-host.ts';
import { listEnvironments } from './engine-inventory.ts';
import { type EngineInfo, traitsOf } from './engine-traits.ts';
import { diagnoseFirewall, type FirewallDiagnosticsDeps } from './firewall-diagnostics.ts';
import { diagnoseHomes } from './home-diagnostics.ts';
import { diagnoseDiskSpeed, diagnoseDisks, diagnoseMemory } from './host-diagnostics.ts';
import { readSysctl } from './host-limits.ts';
import { hasProgram } from './host-shell.ts';
import { diagnoseImage, type ImageDiagnosticsDeps } from './image-diagnostics.ts';
import { studentResolvers } from './name-servers.ts';
import { networkOf } from './network.ts';
import { findClash, studentsIn } from './subnet.ts';
import { diagnoseTables } from './table-diagnostics.ts';
import { canLimitTcpMemory } from './tcp-memory.ts';

async function check(subject: string, task: () => Promise<Omit<Diagnostic, 'subject'>>): Promise<Diagnostic> {
  try {
    return { subject, ...(await task()) };
  } catch (error) {
    const next = 'Run `devenv doctor` again. If this stays, `devenv logs` may say why.';
    return { subject, ok: false, found: messageOf(error), next };
  }
}

async function diagnoseEngineItself(docker: Docker): Promise<Diagnostic> {
  const subject = 'Docker engine';
  const { DOCKER_HOST } = process.env;
  const where = DOCKER_HOST === undefined ? '' : ` at DOCKER_HOST (${DOCKER_HOST})`;
  try {
    const { Version, ApiVersion } = await docker.version();
    return { subject, ok: true, found: `${Version} (API ${ApiVersion})${where}`, next: null };
  } catch (error) {
    const next = nextWithoutEngine(error, {
      dockerHost: DOCKER_HOST,
      uid: process.getuid?.(),
      isInstalled: await hasProgram('dockerd'),
      mayInstall: process.env.DEVENV_NO_INSTALL !== '1',
    });
    return { subject, ok: false, found: `${messageOf(error)}${where}`, next };
  }
}

const checkLimits = (docker: Docker) =>
  check('Limits', async () => {
    const info = (await docker.info()) as LimitsInfo;
    return diagnoseLimits(info, await canLimitTcpMemory(info.CgroupVersion ?? '1'));
  });

export interface LimitsInfo extends EngineInfo {
  CgroupVersion?: string;
  MemoryLimit?: boolean;
  PidsLimit?: boolean;
}

/** Which limits of one environment this engine can set. `limitsTcp`: whether the buffers of connections are limited. */
export function diagnoseLimits(info: LimitsInfo, limitsTcp: boolean): Omit<Diagnostic, 'subject'> {
  const version = `cgroup v${info.CgroupVersion ?? '1'}`;
  if (info.MemoryLimit === false || info.PidsLimit === false) {
    const next =
      'Boot with the kernel parameter `cgroup_enable=memory` (and a kernel with the pids cgroup). Until then one student can starve the others.';
    return { ok: false, found: `${version}, Docker cannot limit memory or processes`, next };
  }
  const limited = `${version}, memory and processes are limited`;
  if (!limitsTcp) {
    const next =
      'Boot with `systemd.unified_cgroup_hierarchy=1` (cgroup v2), or run the orchestrator as root on this host.';
    return { ok: false, found: `${limited}, but not the buffers of students' connections`, next };
  }
  if (traitsOf(info).isRemapped) {
    const next =
      'One student can take all terminals of this host. To limit them, remove `userns-remap` from /etc/docker/daemon.json before you create students: with it, Docker keeps their homes elsewhere.';
    return {
      ok: false,
      found: `${limited}, but with userns-remap not the pseudo-terminals of each student`,
      next,
    };
  }
  return { ok: true, found: limited, next: null };
}

/** What an instructor can do about an engine that does not answer, in this situation. */
export function nextWithoutEngine(
  error: unknown,
  host: {
    dockerHost: string | undefined;
    uid: number | undefined;
    isInstalled: boolean;
    mayInstall: boolean;
  },
): string {
  if (error instanceof Error && 'code' in error && error.code === 'EACCES')
    return 'This user may not use the engine. Add the user to the group `docker` (as root: usermod -aG docker NAME) and log in again, or run devenv as root.';
  if (host.dockerHost !== undefined)
    return 'Start the engine at DOCKER_HOST, or unset DOCKER_HOST to use the one of this host.';
  const command = host.isInstalled ? 'systemctl start docker' : 'apt-get install -y docker.io iptables';
  if (host.uid === 0 && (host.isInstalled || host.mayInstall))
    return `\`devenv up\` ${host.isInstalled ? 'starts' : 'installs and starts'} it.`;
  return `As root: ${command}`;
}

/** The network's addresses: enough for the class, and not those of another network of this host. */
async function diagnoseNetwork(
  { docker, settings: { instance } }: DiagnosticsDeps,
  students: number,
): Promise<Omit<Diagnostic, 'subject'>> {
  const { name, bridge } = networkOf(instance);
  const networks = await docker.listNetworks({ filters: { name: [name] } });
  const cidr = networks.find((each) => each.Name === name)?.IPAM?.Config?.[0]?.Subnet;
  if (cidr === undefined)
    return { ok: true, found: 'not created yet; `devenv create` creates it', next: null };
  const room = studentsIn(cidr);
  const found = `${name} (${cidr}), ${students} of ${room} addresses for students in use`;
  const clash = findClash(cidr, bridge);
  const neighbors = readSysctl('net.ipv4.neigh.default.gc_thresh3');
  const isFull = students >= room;
  const problems = [
    ...(isFull ? ['no address is left'] : []),
    ...(neighbors !== null && room > neighbors
      ? [`one student can fill the host's neighbor table, which has ${neighbors} entries`]
      : []),
    ...(clash === null ? [] : [`the host reaches the same addresses through ${clash}`]),
  ];
  if (problems.length === 0) return { ok: true, found, next: null };
  const containers = `$(docker ps -aq --filter label=devenv.instance=${instance})`;
  const bits = Number(cidr.split('/')[1]);
  const setting = isFull
    ? `Set \`subnet\` (DEVENV_SUBNET) to a free network with more addresses, a /${bits - 1} or larger; \`ip route\` and \`docker network ls\` show those in use.`
    : 'Leave `subnet` (DEVENV_SUBNET) out for a free /24, or set it to a free network that is large enough.';
  const next = `${setting} Then, since this ends all terminals, after class: devenv down; docker rm -f ${containers}; docker network rm ${name}; devenv up; devenv start NAME for each student. Homes stay.`;
  return { ok: false, found: `${found}; ${problems.join(', ')}`, next };
}

const diagnoseNameServers = ({ settings }: DiagnosticsDeps) =>
  check('Name servers', async () => {
    const resolvers = studentResolvers(settings.resolvers);
    if (resolvers.length > 0) return { ok: true, found: resolvers.join(', '), next: null };
    return {
      ok: false,
      found:
        'those of this host are on loopback addresses, so environments ask Docker, which also knows the names of all students',
      next: 'Set `resolvers` (DEVENV_RESOLVERS) to a name server of your network, then run `devenv down` and `devenv up`. Running environments use it within 20 s.',
    };
  });

export interface DiagnosticsDeps extends ImageDiagnosticsDeps, FirewallDiagnosticsDeps {
  settings: Settings;
  /** Why new homes have no limit on this host; null where they have one, as far as this process knows. */
  unlimitedReason: string | null;
}

/** The host's own tables and disks, if the engine runs on this host. `students`: all of the class. */
async function diagnoseHost(
  { docker, settings, unlimitedReason }: DiagnosticsDeps,
  { students, running }: { students: number; running: number },
): Promise<Diagnostic[]> {
  const host = await engineHost(docker);
  if (!isThisHost(host)) {
    return [
      {
        subject: 'Host',
        ok: false,
        found: `the engine at DOCKER_HOST (${process.env.DOCKER_HOST}) runs on another host, ${host.Name}: its environments cannot reach this orchestrator`,
        next: 'Run devenv on that host, or unset DOCKER_HOST to use the engine of this one.',
      },
    ];
  }
  return [
    ...(await diagnoseDisks(host.DockerRootDir, settings.stateDir)),
    await check('Homes', () =>
      diagnoseHomes({ docker, settings, unlimitedReason, dockerRoot: host.DockerRootDir }),
    ),
    diagnoseDiskSpeed(await findDiskDevice(docker)),
    diagnoseMemory(settings, { students, running }),
    ...diagnoseTables(settings, students),
  ];
}

/** All checks. Only the first where the engine does not answer: the others need it. */
export async function diagnoseEngine(deps: DiagnosticsDeps): Promise<Diagnostic[]> {
  const { docker, settings } = deps;
  const engine = await diagnoseEngineItself(docker);
  if (!engine.ok) return [engine];
  const environments = await listEnvironments(docker, settings.instance);
  const students = environments.filter(({ state }) => state !== 'missing').length;
  const running = environments.filter(({ state }) => state === 'running').length;
  return [
    engine,
    await checkLimits(docker),
    await check('Student image', () => diagnoseImage(deps, environments)),
    await check('Network', () => diagnoseNetwork(deps, students)),
    await check('Firewall', () => diagnoseFirewall(deps)),
    await diagnoseNameServers(deps),
    ...(await diagnoseHost(deps, { students, running })),
  ];
}
