/** Puts the projects in test/fixtures into students' homes. */
import { join } from 'node:path';
import { preparedModules } from './fixture-packages.ts';
import { type Installation, root } from './installation.ts';
import { $ } from './shell.ts';

/** The path of a project in test/fixtures. */
export const fixtureFolder = (fixture: string) => join(root, 'test/fixtures', fixture);

/** Copies a fixture into a student's home together with its packages, as if the student had run `npm ci`. */
export async function placeProject(devenv: Installation, student: string, fixture: string): Promise<void> {
  const container = `devenv-${devenv.instance}-${student}`;
  const modules = await preparedModules(fixtureFolder(fixture));
  const inFixtures = $({ cwd: join(root, 'test/fixtures') });
  // Extracted by the student's own tar: every file then has the student's uid.
  const unpack = ['exec', '-i', container, 'tar', '-x', '-C'];
  await inFixtures`tar --exclude=node_modules -c ${fixture} | docker ${unpack} /home/student`;
  await $`docker ${unpack} ${`/home/student/${fixture}`} <${modules}`;
}
