/** Puts the projects in test/fixtures into students' homes. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { preparedModules } from './fixture-packages.ts';
import { type Installation, root } from './installation.ts';

/** The path of a project in test/fixtures. */
export const fixtureFolder = (fixture: string) => join(root, 'test/fixtures', fixture);

/** Unpacks a tar into a folder of a container. */
async function unpack(archive: NodeJS.ReadableStream, container: string, folder: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = execFile('docker', ['cp', '-', `${container}:${folder}`], (error) =>
      error === null ? resolve() : reject(error),
    );
    if (child.stdin !== null) pipeline(archive, child.stdin).catch(reject);
  });
}

/** Copies a fixture into a student's home together with its packages, as if the student had run `npm ci`. */
export async function placeProject(devenv: Installation, student: string, fixture: string): Promise<void> {
  const container = `devenv-${devenv.instance}-${student}`;
  const folder = fixtureFolder(fixture);
  const modules = await preparedModules(folder);
  const source = ['-C', join(folder, '..'), '--owner=1000', '--group=1000', '--exclude=node_modules'];
  const tar = execFile('tar', [...source, '-c', fixture], { encoding: 'buffer', maxBuffer: 64 * 2 ** 20 });
  if (tar.stdout !== null) await unpack(tar.stdout, container, '/home/student/');
  await unpack(createReadStream(modules), container, `/home/student/${fixture}/`);
}
