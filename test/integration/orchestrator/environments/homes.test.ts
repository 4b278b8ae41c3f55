/** Homes with a limit: real volumes, loop devices and file systems. */
import { existsSync } from 'node:fs';
import Docker from 'dockerode';
import { pino } from 'pino';
import { homeName } from '../../../../orchestrator/environments/container-options.ts';
import {
  createFolderVolume,
  createImageVolume,
  inspectVolume,
  movingName,
} from '../../../../orchestrator/environments/home-volumes.ts';
import { Homes } from '../../../../orchestrator/environments/homes.ts';
import { RUN_LABEL } from '../../../support/bare-container.ts';
import { removeInstance } from '../../../support/instance-leftovers.ts';
import { silentProgress } from '../../../support/progress.ts';
import { $ } from '../../../support/shell.ts';
import { studentImage } from '../../../support/student-image.ts';
import { currentRun } from '../../../support/test-run.ts';

const docker = new Docker();
const instance = `test-${currentRun}-homes`;
const uid = 20_007;
const MB = 2 ** 20;
let image: string;

beforeAll(async () => {
  image = await studentImage();
});
afterAll(() => removeInstance(instance));

const homesOf = (limitMb: number) =>
  new Homes({ docker, instance, limitBytes: limitMb * MB, log: pino({ level: 'silent' }) });
const volumeOf = (student: string) => homeName(instance, student);
const labelsOf = (student: string) => ({ 'devenv.instance': instance, 'devenv.student': student });

const ensure = (homes: Homes, student: string, mayCreate = true, warnings: string[] = []) =>
  homes.ensure({
    student,
    uid,
    image,
    mayCreate,
    progress: { ...silentProgress, warn: (text) => void warnings.push(text) },
  });

/** Runs a script in a container with a volume as the home, as the student or as root; returns what it printed. */
async function inVolume(volume: string, script: string, user = `${uid}:${uid}`): Promise<string> {
  const options = ['--rm', '--network', 'none', '-l', `${RUN_LABEL}=${currentRun}`, '-u', user];
  const mount = ['-v', `${volume}:/home/student`, '-w', '/home/student'];
  return (await $`docker run ${options} ${mount} ${image} bash -c ${script}`.nothrow()).stdall.trim();
}

const inHome = (student: string, script: string) => inVolume(volumeOf(student), script);

async function loopOfHome(student: string): Promise<number> {
  const home = await inspectVolume(docker, volumeOf(student));
  if (home.kind !== 'image') throw new Error(`the home is a ${home.kind}`);
  return home.loop;
}

const isAttached = (loop: number) => existsSync(`/sys/block/loop${loop}/loop/backing_file`);

test('a new home has the files of every home, belongs to the student, and takes no more than its limit', async () => {
  const { hasOwner } = await ensure(homesOf(100), 'alice');
  expect(hasOwner).toBe(true);
  const script = `ls -A; stat -c %u:%g . .bashrc; fallocate -l 101M x || fallocate -l 99M x && echo 99 MB
    df --output=avail . | tail -1; rm x`;
  expect((await inHome('alice', script)).split('\n')).toEqual([
    '.bash_logout',
    '.bashrc',
    '.profile',
    `${uid}:${uid}`,
    `${uid}:${uid}`,
    expect.stringContaining('No space left'),
    '99 MB',
    expect.stringMatching(/^ *\d{1,4}$/),
  ]);
});

test('a home is attached again after a reboot, which detaches its device', async () => {
  await inHome('alice', 'echo kept >file');
  const loop = await loopOfHome('alice');
  await $`losetup -d /dev/loop${loop}`;
  expect(isAttached(loop)).toBe(false);
  await ensure(homesOf(100), 'alice', false);
  expect(await inHome('alice', 'cat file')).toBe('kept');
});

test('a higher limit applies while the home is in use, one of more than twice at the next start', async () => {
  const { stdout } =
    await $`docker run -d --network none -l ${RUN_LABEL}=${currentRun} -u ${uid} -v ${volumeOf('alice')}:/home/student ${image} sleep 600`;
  const container = stdout.trim();
  const fill = async (size: string) =>
    (await $`docker exec ${container} fallocate -l ${size} /home/student/x`.nothrow()).exitCode;
  expect(await fill('150M')).not.toBe(0);
  await homesOf(160).applyLimit('alice', uid, image);
  expect(await fill('150M')).toBe(0);
  await expect(homesOf(500).applyLimit('alice', uid, image)).rejects.toThrow('at the next start');
  await $`docker rm -f ${container}`;
  await ensure(homesOf(500), 'alice', false);
  expect(await inHome('alice', 'cat file; fallocate -l 400M x && echo grown')).toBe('kept\ngrown');
});

test('a home whose file is gone is an error, unless a new one is allowed', async () => {
  const loop = await createImageVolume(docker, volumeOf('bob'), labelsOf('bob'));
  expect(isAttached(loop)).toBe(false);
  await expect(ensure(homesOf(100), 'bob', false)).rejects.toThrow("bob's home is gone");
  await ensure(homesOf(100), 'bob', true);
  expect(await inHome('bob', 'ls .bashrc')).toBe('.bashrc');
});

test('removing a home detaches its device and removes its file', async () => {
  const loop = await loopOfHome('bob');
  expect(isAttached(loop)).toBe(true);
  await homesOf(100).remove('bob', image);
  expect(isAttached(loop)).toBe(false);
  expect(await homesOf(100).has('bob')).toBe(false);
});

describe('a home of an earlier version', () => {
  const FILES = `mkdir -p deep/'a b' private; printf x >deep/'a b'/$'new\\nline'; printf x >./-dash; mkfifo fifo
    ln -s /nowhere dangling; ln ./-dash deep/hard; printf secret >private/file; chmod 000 private/file
    chown -hR ${uid}:${uid} .`;
  const LIST = `find . -printf '%p %y %m %U %n %l\\n' | sort; cat private/file`;
  const asRoot = (volume: string, script: string) => inVolume(volume, script, '0:0');

  /** Creates a folder with files, as a home or as the content that was taken out of it. */
  async function makeFolder(volume: string, student: string): Promise<string> {
    await createFolderVolume(docker, volume, labelsOf(student));
    await asRoot(volume, FILES);
    return asRoot(volume, LIST);
  }

  /** What an interrupted move has left, by when it was interrupted. Each resolves to the content. */
  const interruptions: Record<string, (student: string) => Promise<string>> = {
    'before it began': (student) => makeFolder(volumeOf(student), student),
    'before the content was taken out': async (student) => {
      await createFolderVolume(docker, movingName(volumeOf(student)), {});
      return makeFolder(volumeOf(student), student);
    },
    'after the content was taken out': async (student) => {
      const content = await makeFolder(movingName(volumeOf(student)), student);
      await createFolderVolume(docker, volumeOf(student), labelsOf(student));
      return content;
    },
    'before the new home was made': (student) => makeFolder(movingName(volumeOf(student)), student),
    'while the content was copied': async (student) => {
      await ensure(homesOf(100), student);
      await inHome(student, 'rm .bashrc; echo half >-dash; echo partial >partial');
      return makeFolder(movingName(volumeOf(student)), student);
    },
  };

  test.each(Object.keys(interruptions))(
    'moves into a home with a limit, also if interrupted %s',
    async (when) => {
      const student = `s${Object.keys(interruptions).indexOf(when)}`;
      const content = await interruptions[when]?.(student);
      const homes = homesOf(100);
      expect(await homes.mustMove(student, uid, image)).toBe(true);
      await ensure(homes, student, false);
      expect(await homes.mustMove(student, uid, image)).toBe(false);
      expect(await asRoot(volumeOf(student), LIST)).toBe(content);
      expect(isAttached(await loopOfHome(student))).toBe(true);
      expect(await inspectVolume(docker, movingName(volumeOf(student)))).toEqual({ kind: 'none' });
      await homes.remove(student, image);
    },
  );

  test('stays as it is while it is larger than the limit, with a warning', async () => {
    await makeFolder(volumeOf('carol'), 'carol');
    await asRoot(volumeOf('carol'), 'head -c 120M /dev/zero >large');
    const homes = homesOf(100);
    const warnings: string[] = [];
    await ensure(homes, 'carol', false, warnings);
    expect(warnings).toEqual(["carol's home is larger than limits.home, so it has no limit yet."]);
    expect(await inspectVolume(docker, volumeOf('carol'))).toEqual({ kind: 'folder' });
    expect(await homes.mustMove('carol', uid, image)).toBe(false);
    expect(await asRoot(volumeOf('carol'), 'stat -c %s large')).toBe(String(120 * MB));
  });
});
