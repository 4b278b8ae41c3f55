/** Each student's processes and home have a uid of their own, also in an installation of an earlier version. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import Docker from 'dockerode';
import { homeName } from '../../orchestrator/environments/container-options.ts';
import { Installation } from '../support/installation.ts';
import { $ } from '../support/shell.ts';

const docker = new Docker();
let devenv: Installation;

beforeAll(async () => {
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
});
afterAll(() => devenv.remove());

const containerOf = (student: string) => `devenv-${devenv.instance}-${student}`;

/** Runs a script in the student's container as the container's user. */
const inside = async (student: string, script: string) =>
  (await $`docker exec ${containerOf(student)} bash -c ${script}`).stdout.trim();

const uidOf = async (student: string) => Number(await inside(student, 'id -u'));

/** What in the home does not belong to the student. */
const foreignFiles = (student: string) =>
  inside(student, 'find ~ -xdev "(" ! -user student -o ! -group student ")" -print');

/** Runs a script as root in a container that has the home. */
async function asRoot(student: string, script: string): Promise<void> {
  const { Config } = await docker.getContainer(containerOf(student)).inspect();
  const home = `${homeName(devenv.instance, student)}:/home/student`;
  await $`docker run --rm --network none -u 0:0 -v ${home} ${Config.Image} bash -c ${script}`;
}

const ODD_FILES = `cd; mkdir -p deep/'a b' private; printf x >deep/'a b'/$'new\\nline'; printf x >./-dash
  ln -s /etc/hostname link; ln -s /nowhere dangling; ln -s .. up; ln ./-dash deep/hard
  printf secret >private/file; chmod 000 private/file; chmod 700 private`;

/** Replaces alice's environment by that of a version in which all students had uid 1000. It runs. */
async function goBackToUid1000(): Promise<void> {
  await inside('alice', ODD_FILES);
  await asRoot('alice', 'chown -hR 1000:1000 /home/student');
  await devenv.succeed('down');
  const container = docker.getContainer(containerOf('alice'));
  const { Config, HostConfig } = await container.inspect();
  await container.remove({ force: true });
  const { 'devenv.uid': _uid, ...labels } = Config.Labels;
  const earlier = await docker.createContainer({
    ...Config,
    name: containerOf('alice'),
    User: '1000:1000',
    Labels: { ...labels, 'devenv.spec': 'earlier' },
    HostConfig: {
      ...HostConfig,
      Mounts: (HostConfig.Mounts ?? []).filter(({ Target }) => !Target.startsWith('/etc/')),
      Tmpfs: { ...HostConfig.Tmpfs, '/run/devenv': 'uid=1000,gid=1000,mode=0755,size=4m' },
    },
  });
  await earlier.start();
  const db = new DatabaseSync(join(devenv.stateDir, 'state.db'));
  db.exec('UPDATE students SET uid = 0');
  db.close();
}

test('an environment of an earlier version keeps running; its next start updates the owner of the home', async () => {
  await goBackToUid1000();
  // As left by a daemon that was killed during the update.
  await docker.createContainer({
    name: `${containerOf('alice')}.owner`,
    Image: (await docker.getContainer(containerOf('alice')).inspect()).Config.Image,
    Cmd: ['sleep', '600'],
    Labels: { 'devenv.instance': devenv.instance },
    HostConfig: {
      NetworkMode: 'none',
      Mounts: [{ Type: 'volume', Source: homeName(devenv.instance, 'alice'), Target: '/home/student' }],
    },
  });
  await asRoot('alice', 'chown -h 20999:20999 /home/student/deep');

  await devenv.succeed('up');
  expect(await devenv.succeed('shell', 'alice', '--', 'id -u; whoami')).toBe('1000\nstudent\n');

  const { stderr } = await devenv.devenv(['restart', 'alice']);
  expect(stderr).toContain("The owner of alice's home is current");
  expect(await uidOf('alice')).toBeGreaterThanOrEqual(20_000);
  expect(await foreignFiles('alice')).toBe('');
  expect(await inside('alice', 'readlink ~/link ~/dangling ~/up; stat -c %h ~/-dash ~/deep/hard')).toBe(
    '/etc/hostname\n/nowhere\n..\n2\n2',
  );
  expect(
    await inside(
      'alice',
      'stat -c %a ~/private ~/private/file; chmod 600 ~/private/file; cat ~/private/file',
    ),
  ).toBe('700\n0\nsecret');
  expect(await devenv.succeed('shell', 'alice', '--', 'whoami; touch ~/.bashrc && echo writable')).toBe(
    'student\nwritable\n',
  );
});

test("a kept home gets the uid of its student's next environment", async () => {
  await devenv.succeed('rm', 'alice', '--keep-home', '--yes');
  // Gets the uid that alice had, unless another installation on this engine was faster.
  await devenv.succeed('create', 'bob');
  await devenv.succeed('create', 'alice');
  const [alice, bob] = [await uidOf('alice'), await uidOf('bob')];
  expect(alice).not.toBe(bob);
  expect([await foreignFiles('alice'), await foreignFiles('bob')]).toEqual(['', '']);
  expect(await inside('alice', 'cat ~/private/file')).toBe('secret');
});

test('no account of the host has the uid, and names, groups and git work', async () => {
  const uid = await uidOf('alice');
  expect((await $`getent passwd ${uid}`.nothrow()).exitCode).toBe(2);
  expect((await $`getent group ${uid}`.nothrow()).exitCode).toBe(2);
  expect(await inside('alice', 'id -un; id -gn; groups; echo ~student; echo $HOME')).toBe(
    'student\nstudent\nstudent\n/home/student\n/home/student',
  );
  expect(
    await inside(
      'alice',
      'cd; git init -q work && cd work && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline | wc -l',
    ),
  ).toBe('1');
});
