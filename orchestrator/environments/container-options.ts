/** The options of a student's container. All of its isolation but the firewall is on this page. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { sizeInBytes } from '../limits-settings.ts';
import { HOME_PATH, RELAY_PORT, RUN_PATH, SOCKET_MOUNT_PATH } from '../protocol/constants.ts';
import type { Settings } from '../settings-schema.ts';
import { ACCOUNT_FILES } from './account-files.ts';
import { UID_LABEL } from './engine-inventory.ts';
import { RESOLVER_FILE } from './name-servers.ts';
import { SECCOMP_OPTION } from './seccomp-profile.ts';
import { terminalsMount } from './terminals.ts';
import type { EnvironmentSpec } from './types.ts';

/** A student's user as the engine has it. */
export const userOf = (uid: number) => `${uid}:${uid}`;

export const containerName = (instance: string, student: string) => `devenv-${instance}-${student}`;
export const homeName = (instance: string, student: string) => `devenv-${instance}-${student}-home`;

/** Size of /dev/shm: Docker's default. */
const SHM_BYTES = 64 * 2 ** 20;

/** Limits of reads and writes on the device of the homes. cgroup v1 does not count what the kernel writes later. */
function diskLimits(
  Path: string | null,
  { diskBandwidth, diskOperations }: Settings['limits'],
): Docker.HostConfig {
  if (Path === null) return {};
  const bandwidth = [{ Path, Rate: sizeInBytes(diskBandwidth) }];
  const operations = [{ Path, Rate: diskOperations }];
  return {
    BlkioDeviceReadBps: bandwidth,
    BlkioDeviceWriteBps: bandwidth,
    BlkioDeviceReadIOps: operations,
    BlkioDeviceWriteIOps: operations,
  };
}

/** What a container gets from the engine and the host. */
export interface ContainerHost {
  image: string;
  network: string;
  /** Folder with the agent's socket. */
  socketDir: string;
  /** The device of the homes; null where it is not known. */
  disk: string | null;
  /** Whether the engine runs containers in a user namespace, where a mounted file system of terminals is not usable. */
  isRemapped: boolean;
}

/**
 * Docker's description of the container. The same input gives the same options, so the hash of them in the label
 * `devenv.spec` tells whether a container is current.
 */
export function containerOptions(
  spec: EnvironmentSpec,
  settings: Settings,
  host: ContainerHost,
): Docker.ContainerCreateOptions {
  const { limits, instance } = settings;
  const memory = sizeInBytes(limits.memory);
  const relay = `${RELAY_PORT}/tcp`;
  const options: Docker.ContainerCreateOptions = {
    Image: host.image,
    Hostname: spec.student,
    // A uid of their own: the kernel counts inotify instances, processes, keys and pipe buffers by uid.
    User: userOf(spec.uid),
    WorkingDir: HOME_PATH,
    Env: [
      `PORT=${spec.port}`,
      `DEVENV_PORT=${spec.port}`,
      `DEVENV_INSTANCE=${instance}`,
      `DEVENV_STUDENT=${spec.student}`,
      `DEVENV_HOSTNAME=${spec.hostname}`,
      `DEVENV_URL=${spec.url}`,
      `DEVENV_RELAY_KEY_HASH=${spec.relayKeyHash}`,
    ],
    ExposedPorts: { [relay]: {} },
    Labels: {
      'devenv.instance': instance,
      'devenv.student': spec.student,
      [UID_LABEL]: String(spec.uid),
    },
    // Nothing in an environment needs longer: process 1 ends at once on TERM, and hangs up its shells.
    StopTimeout: 3,
    HostConfig: {
      NetworkMode: host.network,
      // Loopback only: no port of the host is opened to the world.
      PortBindings: {
        [relay]: [{ HostIp: '127.0.0.1', HostPort: String(spec.port) }],
      },
      Mounts: [
        {
          Type: 'volume',
          Source: homeName(instance, spec.student),
          Target: HOME_PATH,
        },
        {
          Type: 'bind',
          Source: host.socketDir,
          Target: SOCKET_MOUNT_PATH,
          ReadOnly: true,
        },
        ...(host.isRemapped ? [] : [terminalsMount(instance, spec.student, limits.terminals)]),
        // The uid's name: sshd refuses a user without an account. The name servers: Docker's own knows all students' names.
        ...[...ACCOUNT_FILES, RESOLVER_FILE].map((name) => ({
          Type: 'bind' as const,
          Source: join(host.socketDir, name),
          Target: `/etc/${name}`,
          ReadOnly: true,
        })),
      ],
      // Students write to their home and to these folders only. The folders are bounded and count as the student's
      // memory: a full /tmp must not fill the host's disk.
      ReadonlyRootfs: true,
      ShmSize: SHM_BYTES,
      Tmpfs: {
        [RUN_PATH]: `uid=${spec.uid},gid=${spec.uid},mode=0755,size=4m`,
        '/tmp': `exec,mode=1777,size=${Math.floor(memory / 4)}`,
        '/var/tmp': `exec,mode=1777,size=${Math.floor(memory / 4)}`,
      },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', SECCOMP_OPTION],
      // Dev servers bind ::1. Only for lo: with IPv6 on the bridge, link-local addresses would reach other students.
      Sysctls: { 'net.ipv6.conf.lo.disable_ipv6': '0' },
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.pids,
      ...diskLimits(host.disk, limits),
      Ulimits: [{ Name: 'nofile', Soft: limits.files, Hard: limits.files }],
      // The orchestrator starts environments: the engine would start them before the firewall is active.
      RestartPolicy: { Name: 'no' },
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': '1m', 'max-file': '2' },
      },
    },
  };
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16);
  return {
    ...options,
    name: containerName(instance, spec.student),
    Labels: { ...options.Labels, 'devenv.spec': hash },
  };
}
