/** What test runs that were killed have left on this machine. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { removeDeadNetworks } from './attacker-network.ts';
import { removeDeadContainers } from './bare-container.ts';
import { listInstances, removeInstance } from './instance-leftovers.ts';
import { unmount } from './small-disk.ts';
import { isDeadRun } from './test-run.ts';

/** An installation's instance: `test`, the run that created it, and a random word. */
const INSTANCE = /^test-(\d+(?:-[0-9a-z]+)?)-[0-9a-z]+$/;

function isDeadInstance(instance: string): boolean {
  const [, run] = instance.match(INSTANCE) ?? [];
  return run !== undefined && isDeadRun(run);
}

/** State folders in the temporary folder, with the instance that each belongs to. */
function stateFolders(): { path: string; instance: string }[] {
  return readdirSync(tmpdir()).flatMap((name) => {
    const [, instance] = name.match(/^devenv-(test-.+)-[^-]+$/) ?? [];
    return instance === undefined ? [] : [{ path: join(tmpdir(), name), instance }];
  });
}

/** Ends the orchestrators of dead runs, and what they started: each has its instance in its environment. */
function killProcesses(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const variable = environment.find((each) => each.startsWith('DEVENV_INSTANCE='));
      if (isDeadInstance(variable?.slice('DEVENV_INSTANCE='.length) ?? ''))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // The process has ended meanwhile, or belongs to another user.
    }
  }
}

/** Removes the tiny images that tests of dead runs made, as `devenv-test-WORD-RUN:TAG`. */
async function removeDeadImages(): Promise<void> {
  const docker = new Docker();
  for (const { RepoTags } of await docker.listImages()) {
    for (const tag of RepoTags ?? []) {
      const [, run] = tag.match(/^devenv-test-[a-z]+-(\d+-[0-9a-z]+):/) ?? [];
      if (run === undefined || !isDeadRun(run)) continue;
      await docker
        .getImage(tag)
        .remove()
        .catch(() => undefined);
    }
  }
}

/**
 * Removes all of it: processes, containers, homes, networks and firewall chains of installations, containers and
 * images that tests made without one, network namespaces with their links and routes, and state folders. A state folder
 * goes last: a removal that is killed too is finished by the next run.
 */
export async function removeLeftovers(): Promise<void> {
  killProcesses();
  await removeDeadNetworks();
  await removeDeadContainers();
  const folders = stateFolders();
  const known = [...(await listInstances()), ...folders.map(({ instance }) => instance)];
  for (const instance of new Set(known.filter(isDeadInstance))) await removeInstance(instance);
  await removeDeadImages();
  for (const { path } of folders.filter(({ instance }) => isDeadInstance(instance))) {
    await unmount(path);
    rmSync(path, { recursive: true, force: true });
  }
}
