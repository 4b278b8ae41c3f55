/** What an administrator removes to free space: `docker system prune --volumes`, while a student is stopped. */
import Docker from 'dockerode';
import { homeName } from '../../orchestrator/environments/container-options.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

const docker = new Docker();

/** Prunes the volumes of the scene's installation, and no others. Since version 23 Docker spares named ones unless asked. */
async function prune(instance: string): Promise<string[]> {
  const { Version } = await docker.version();
  const all = Number(Version.split('.')[0]) >= 23 ? { all: ['true'] } : {};
  const filters = JSON.stringify({ label: [`devenv.instance=${instance}`], ...all });
  const { VolumesDeleted } = await docker.pruneVolumes({ filters });
  return VolumesDeleted ?? [];
}

const resultOf = (pruned: readonly string[], home: string) =>
  heldIf(!pruned.includes(home), pruned.includes(home) ? 'the home was deleted' : 'the home is there');

/** The prune removes stopped containers first. */
async function attack({ devenv, other }: Scene) {
  await devenv.succeed('stop', other.name);
  try {
    await docker.getContainer(other.container).remove();
    return resultOf(await prune(devenv.instance), homeName(devenv.instance, other.name));
  } finally {
    await devenv.succeed('start', other.name);
  }
}

/** A plain volume, as homes were before 0.1.0. */
async function attackPlainVolume({ devenv: { instance } }: Scene) {
  const Name = homeName(instance, 'plain');
  await docker.createVolume({ Name, Labels: { 'devenv.instance': instance } });
  return resultOf(await prune(instance), Name);
}

export const probe: Probe = {
  name: 'prune-home',
  attack: "an administrator runs `docker system prune --volumes` while a student's environment is stopped",
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: attackPlainVolume,
};
