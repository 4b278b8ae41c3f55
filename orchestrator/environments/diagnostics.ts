/** The checks of the engine that `devenv doctor` shows. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type Docker from 'dockerode';
import type { Diagnostic } from '../domain.ts';
import { messageOf, type Problem } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { sizeInBytes } from './container-options.ts';
import type { FirewallState } from './firewall-helper.ts';
import { networkOf } from './network.ts';

/** With less than this, one `npm install` of a whole class may fill the disk. */
const MIN_FREE_DISK_BYTES = 5 * 2 ** 30;

/** `2 GB`, `15.6 GB`. */
const gigabytes = (bytes: number) => `${Number((bytes / 2 ** 30).toFixed(1))} GB`;

async function check(subject: string, task: () => Promise<Omit<Diagnostic, 'subject'>>): Promise<Diagnostic> {
  try {
    return { subject, ...(await task()) };
  } catch (error) {
    const next = 'Start the engine: `devenv up` does, as root.';
    return { subject, ok: false, found: messageOf(error), next };
  }
}

const checkEngine = (docker: Docker) =>
  check('Docker engine', async () => {
    const { Version, ApiVersion } = await docker.version();
    return { ok: true, found: `${Version} (API ${ApiVersion})`, next: null };
  });

const checkLimits = (docker: Docker) =>
  check('Limits', async () => {
    const info = (await docker.info()) as {
      CgroupVersion?: string;
      MemoryLimit?: boolean;
      PidsLimit?: boolean;
    };
    const version = `cgroup v${info.CgroupVersion ?? '1'}`;
    if (info.MemoryLimit !== false && info.PidsLimit !== false)
      return { ok: true, found: `${version}, memory and processes are limited`, next: null };
    return {
      ok: false,
      found: `${version}, Docker cannot limit memory or processes`,
      next: 'Boot with the memory and pids cgroups enabled. Until then one student can starve the others.',
    };
  });

const checkNetwork = (docker: Docker, { instance }: Settings) =>
  check('Network', async () => {
    const { name } = networkOf(instance);
    const networks = await docker.listNetworks({ filters: { name: [name] } });
    const found = networks.length > 0 ? name : 'not created yet; `devenv create` creates it';
    return { ok: true, found, next: null };
  });

const diagnoseFirewall = ({ networkProblem, imageInUse, checkFirewall }: DiagnosticsDeps) =>
  check('Firewall', async () => {
    if (networkProblem !== null) return { ok: false, found: networkProblem.what, next: networkProblem.next };
    if (imageInUse === null) return { ok: true, found: 'not needed, no environment runs', next: null };
    const state = await checkFirewall(imageInUse);
    if (state.kind === 'inactive') {
      const next = 'The orchestrator installs it again within 20 s, or disconnects the students.';
      return { ok: false, found: `not active (${state.reason})`, next };
    }
    if (state.hasDockerRules) return { ok: true, found: 'active', next: null };
    const found = "active, but Docker's own rules were removed: students have no internet";
    return { ok: false, found, next: 'Restart Docker: systemctl restart docker' };
  });

const checkDisk = ({ stateDir }: Settings) =>
  check('Disk', async () => {
    const { bavail, bsize } = await statfs(existsSync(stateDir) ? stateDir : '/');
    const ok = bavail * bsize > MIN_FREE_DISK_BYTES;
    const next = ok
      ? null
      : 'Free some space: `docker system df` shows what Docker uses, `docker image prune` helps.';
    return { ok, found: `${gigabytes(bavail * bsize)} free`, next };
  });

function describeMemory({ limits }: Settings): Diagnostic {
  const limit = sizeInBytes(limits.memory);
  const students = Math.floor(totalmem() / limit);
  const host = `${gigabytes(totalmem())}, ${availableParallelism()} CPUs`;
  return {
    subject: 'Memory',
    ok: true,
    found: `${host}. Room for ${students} students at ${gigabytes(limit)} each.`,
    next: null,
  };
}

export interface DiagnosticsDeps {
  docker: Docker;
  settings: Settings;
  /** The student image, if this process has ensured it. */
  currentImage: string | null;
  /** The image of an environment that runs, if any does. */
  imageInUse: string | null;
  /** Why the students' network is disconnected, as far as this process knows. */
  networkProblem: Problem | null;
  checkFirewall(image: string): Promise<FirewallState>;
}

/** All checks. Only the first where the engine does not answer: the others need it. */
export async function diagnoseEngine(deps: DiagnosticsDeps): Promise<Diagnostic[]> {
  const { docker, settings, currentImage } = deps;
  const engine = await checkEngine(docker);
  if (!engine.ok) return [engine];
  const image = currentImage ?? 'not checked yet; `devenv create` and `devenv start` build it if needed';
  return [
    engine,
    await checkLimits(docker),
    { subject: 'Student image', ok: true, found: image, next: null },
    await checkNetwork(docker, settings),
    await diagnoseFirewall(deps),
    await checkDisk(settings),
    describeMemory(settings),
  ];
}
