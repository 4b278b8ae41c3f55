/** The state folder and its entries are open to no other user of the host, also those that an earlier version has made. */
import { chmodSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DevenvError, messageOf, systemCodeOf } from './errors.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Earlier versions created some of these with the umask's mode. */
const PRIVATE_FOLDERS = ['agents', 'ssh'];
const PRIVATE_FILES = [
  'api.sock',
  'daemon.log',
  'daemon.log.1',
  'daemon.pid',
  'edge.sock',
  'lock',
  'state.db',
  'state.db-shm',
  'state.db-wal',
];

const STICKY = 0o1000;
const OTHERS = 0o077;

/** Changes the mode of an entry; does nothing where it is missing, private already, or a link. */
function restrict(path: string, mode: number): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isSymbolicLink() || (stat.mode & OTHERS) === 0) return;
  chmodSync(path, mode);
}

/** Not changed: other users need `/srv` or a home, and may only be kept out of what devenv puts there. */
const isSharedPlace = (path: string) => dirname(path) === '/' || path === resolve(homedir());

function refuseSharedFolder(path: string): void {
  if ((lstatSync(path).mode & STICKY) === 0) return;
  throw new DevenvError({
    code: 'bad-settings',
    what: `The state folder ${path} is shared: every user of this host can put files there.`,
    next: 'Set DEVENV_STATE_DIR to a folder that only you use, for example a new one below it. Nothing was changed.',
  });
}

/**
 * Creates the state folder where it is missing, and takes it and its entries away from other users. Throws
 * `bad-settings` for a folder that all users share, and where another user owns it or an entry.
 */
export function openStateFolder(stateDir: string): void {
  const path = resolve(stateDir);
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    refuseSharedFolder(path);
    if (!isSharedPlace(path)) restrict(path, FOLDER_MODE);
    // The students' sockets are open to every uid, because each container connects with its own: this folder is what
    // keeps the host's users away from them. Containers mount a folder inside and need no access to this one.
    for (const name of PRIVATE_FOLDERS) restrict(join(path, name), FOLDER_MODE);
    for (const name of PRIVATE_FILES) restrict(join(path, name), FILE_MODE);
    mkdirSync(join(path, 'agents'), { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (error instanceof DevenvError || systemCodeOf(error) === 'ENOSPC') throw error;
    throw new DevenvError(
      {
        code: 'bad-settings',
        what: `The state folder ${path} can't be used: ${messageOf(error)}.`,
        next: 'Set DEVENV_STATE_DIR to a folder that you own, or run devenv as the user who owns it.',
      },
      { cause: error },
    );
  }
}

/** Opens a file of the state folder for writing at its end, and creates it for this user only. Returns its descriptor. */
export const openPrivateFile = (path: string): number => openSync(path, 'a', FILE_MODE);

/** Whether other users can list or enter the state folder; false where it is missing. */
export function isOpenToOthers(stateDir: string): boolean {
  const stat = lstatSync(stateDir, { throwIfNoEntry: false });
  return stat !== undefined && (stat.mode & OTHERS) !== 0;
}
