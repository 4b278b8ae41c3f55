/** Fills a new home: with the built-in `hello/`, or with what the setting `starter` names. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { DevenvError } from '../errors.ts';
import { HOME_PATH } from '../protocol/constants.ts';
import { execInContainer } from './exec-in-container.ts';

/** The largest folder that may be copied into every new home. */
const MAX_FOLDER_BYTES = 256 * 2 ** 20;

export type Starter =
  | { kind: 'built-in' }
  | { kind: 'folder'; path: string }
  | { kind: 'git'; address: string };

/** Reads the setting: a folder that exists on the host, else a git address. Throws `bad-settings`. */
export function parseStarter(setting: string | null): Starter {
  if (setting === null) return { kind: 'built-in' };
  if (/^(https?|ssh|git):\/\/|^[\w.-]+@[\w.-]+:/.test(setting)) return { kind: 'git', address: setting };
  const isFolder = lstatSync(setting, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder) return { kind: 'folder', path: setting };
  throw new DevenvError({
    code: 'bad-settings',
    what: `starter: '${setting}' is neither a folder on this host nor a git address.`,
    next: 'Set an absolute path, or an address like https://example.com/class/starter.git.',
  });
}

/** A folder of the host as a tar stream with the folder's name on top, owned by `uid`. Throws `bad-settings` if it is too large. */
function packFolder(path: string, uid: number): Readable {
  const pack = tar.pack();
  const owner = { uid, gid: uid };
  const top = basename(path);
  let size = 0;
  pack.entry({ ...owner, name: top, type: 'directory', mode: 0o755 });
  for (const entry of readdirSync(path, {
    recursive: true,
    withFileTypes: true,
  })) {
    const source = join(entry.parentPath, entry.name);
    const name = join(top, relative(path, source));
    if (entry.isDirectory()) pack.entry({ ...owner, name, type: 'directory', mode: 0o755 });
    else if (entry.isSymbolicLink()) {
      pack.entry({
        ...owner,
        name,
        type: 'symlink',
        linkname: readlinkSync(source),
      });
    } else if (entry.isFile()) {
      const stat = lstatSync(source);
      size += stat.size;
      if (size > MAX_FOLDER_BYTES) {
        throw new DevenvError({
          code: 'bad-settings',
          what: `starter: ${path} is larger than ${MAX_FOLDER_BYTES / 2 ** 20} MB.`,
          next: 'Leave out node_modules and whatever else students can create themselves.',
        });
      }
      pack.entry({ ...owner, name, mode: stat.mode & 0o111 ? 0o755 : 0o644 }, readFileSync(source));
    }
  }
  pack.finalize();
  return Readable.from(pack);
}

/** Copies the starter into the home of a running environment, as the student. Throws `environment` or `bad-settings`. */
export async function placeStarter(
  container: Docker.Container,
  starter: Starter,
  uid: number,
  signal: AbortSignal,
): Promise<void> {
  switch (starter.kind) {
    case 'built-in':
      return runStep(container, ['cp', '-r', '/usr/lib/devenv/starter/.', `${HOME_PATH}/`], signal);
    case 'folder':
      await container.putArchive(packFolder(starter.path, uid), {
        path: HOME_PATH,
      });
      return;
    case 'git': {
      // `--`: the address is no option, whatever it begins with. No prompt: there is no terminal to answer it.
      return runStep(
        container,
        ['env', 'GIT_TERMINAL_PROMPT=0', 'git', 'clone', '--quiet', '--', starter.address],
        signal,
      );
    }
  }
}

async function runStep(container: Docker.Container, command: string[], signal: AbortSignal): Promise<void> {
  const { code, output } = await execInContainer(container, command, { signal });
  if (code === 0) return;
  throw new DevenvError({
    code: 'environment',
    what: `The starter could not be copied into the new home: ${output.trim().split('\n').at(-1) ?? `exit code ${code}`}`,
    next: 'Check the setting `starter` (DEVENV_STARTER), and that the folder or address it names exists.',
  });
}
