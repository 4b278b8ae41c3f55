/**
 * Moves the content of a home that is a folder into one with a limit. Meanwhile the content is in a volume of its own,
 * which is removed after the copy was compared: a run that is killed at any moment loses nothing, and the next continues.
 */
import { messageOf } from '../errors.ts';
import { copyHome } from './home-copy.ts';
import { attachImage, detachImage, type HomeImageDeps } from './home-image.ts';
import {
  createFolderVolume,
  createImageVolume,
  inspectVolume,
  moveContent,
  movingName,
  removeVolume,
} from './home-volumes.ts';

export interface MovingHome {
  volume: string;
  labels: Record<string, string>;
  limitBytes: number;
  uid: number;
}

/** Whether a move of the home was begun. */
export async function isMoving({ docker }: HomeImageDeps, { volume }: MovingHome): Promise<boolean> {
  return (await inspectVolume(docker, movingName(volume))).kind !== 'none';
}

/** Takes the content out of the folder, and removes the folder's volume. */
async function takeOut(deps: HomeImageDeps, { volume, labels }: MovingHome): Promise<void> {
  // Without the student: it is no home.
  const { 'devenv.student': _, ...own } = labels;
  await createFolderVolume(deps.docker, movingName(volume), own);
  await moveContent(deps, volume, movingName(volume));
  await removeVolume(deps.docker, volume);
}

/** Puts the content into a folder with options. */
async function putBack(deps: HomeImageDeps, { volume, labels }: MovingHome): Promise<void> {
  await createFolderVolume(deps.docker, volume, labels);
  await moveContent(deps, movingName(volume), volume);
  await removeVolume(deps.docker, movingName(volume));
}

async function removeImage(deps: HomeImageDeps, home: MovingHome): Promise<void> {
  const found = await inspectVolume(deps.docker, home.volume);
  if (found.kind !== 'image') return;
  await detachImage(deps, { ...home, loop: found.loop });
  await removeVolume(deps.docker, home.volume);
}

/** Copies the content that was taken out to a new home with a limit. Returns why it failed, with the content put back. */
async function copyIn(deps: HomeImageDeps, home: MovingHome): Promise<string | null> {
  await removeImage(deps, home);
  try {
    const loop = await createImageVolume(deps.docker, home.volume, home.labels);
    await attachImage(deps, { ...home, loop }, 'empty');
    await copyHome(deps, movingName(home.volume), home.volume);
  } catch (error) {
    await removeImage(deps, home);
    await putBack(deps, home);
    return messageOf(error);
  }
  await removeVolume(deps.docker, movingName(home.volume));
  return null;
}

/** Gives a plain home the options of a folder. */
export async function addOptions(deps: HomeImageDeps, home: MovingHome): Promise<void> {
  await takeOut(deps, home);
  await putBack(deps, home);
}

/** Moves a folder into a home with a limit. Returns null, or why it is still a folder. */
export async function moveToImage(deps: HomeImageDeps, home: MovingHome): Promise<string | null> {
  await takeOut(deps, home);
  return copyIn(deps, home);
}

/** Continues a move that was interrupted. Returns null, or why the home is still a folder. */
export async function continueMove(deps: HomeImageDeps, home: MovingHome): Promise<string | null> {
  const { kind } = await inspectVolume(deps.docker, home.volume);
  // The content is in the folder, or it was about to be put back.
  if (kind === 'folder') {
    await moveContent(deps, movingName(home.volume), home.volume);
    await removeVolume(deps.docker, movingName(home.volume));
    return moveToImage(deps, home);
  }
  if (kind === 'plain') return moveToImage(deps, home);
  return copyIn(deps, home);
}
