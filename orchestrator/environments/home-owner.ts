/**
 * Gives a home the uid of its student, in a short-lived helper container: files of a new home come from the image, those
 * of a home from an earlier version have uid 1000, and those of a kept home have the uid of a removed student.
 */
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { HOME_PATH } from '../protocol/constants.ts';
import { containerName, homeName, userOf } from './container-options.ts';
import { HELPER_LABEL } from './firewall-helper.ts';
import { removeHelper } from './helper-container.ts';
import { networkOf } from './network.ts';

/**
 * Changes only what has another owner, so a run continues where a killed one stopped. Never follows a symbolic link: it
 * may point outside the home. Hard links can't leave the home, which is a mount of its own.
 */
const SCRIPT = `find ${HOME_PATH} -xdev '(' ! -uid "$1" -o ! -gid "$1" ')' -exec chown -h "$2" -- {} +`;

/** A student's name contains no dot, so the helper never has the name of an environment. */
const helperName = (instance: string, student: string) => `${containerName(instance, student)}.owner`;

export interface HomeOwnerOptions {
  docker: Docker;
  image: string;
  instance: string;
  student: string;
  uid: number;
}

/** Removes the helper that a killed daemon has left, running or not; does nothing if there is none. */
export const removeOwnerHelper = (docker: Docker, instance: string, student: string): Promise<void> =>
  removeHelper(docker, helperName(instance, student));

/**
 * Sets the owner of everything in the home. No process of the student may be running: it could exchange a folder for a
 * link meanwhile. Throws `environment` where a file can't be changed.
 */
export async function setHomeOwner({
  docker,
  image,
  instance,
  student,
  uid,
}: HomeOwnerOptions): Promise<void> {
  await removeOwnerHelper(docker, instance, student);
  const container = await docker.createContainer({
    name: helperName(instance, student),
    Image: image,
    Cmd: ['/bin/sh', '-c', SCRIPT, 'home-owner', String(uid), userOf(uid)],
    User: '0:0',
    Env: ['PATH=/usr/bin:/bin'],
    Labels: { [HELPER_LABEL]: networkOf(instance).bridge },
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      // DAC_OVERRIDE: students have folders that only their owner can read.
      CapAdd: ['CHOWN', 'DAC_OVERRIDE'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Mounts: [{ Type: 'volume', Source: homeName(instance, student), Target: HOME_PATH }],
    },
  });
  try {
    await container.start();
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    if (exitCode !== 0) throw ownerFailure(student, await lastOutput(container));
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

/** The end of what the helper printed. It contains names of the student's files. */
async function lastOutput(container: Docker.Container): Promise<string> {
  const log = await container.logs({ stdout: true, stderr: true, tail: 1 }).then(String, () => '');
  return log
    .replace(/[^\x20-\x7e]/g, '')
    .slice(0, 300)
    .trim();
}

const ownerFailure = (student: string, output: string) =>
  new DevenvError({
    code: 'environment',
    what: `The owner of ${student}'s home could not be updated: ${output || 'the helper container failed'}`,
    next: `Check that Docker's disk is writable, then run \`devenv start ${student}\`. The update continues where it stopped.`,
  });
