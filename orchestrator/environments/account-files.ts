/**
 * The accounts that an environment knows: Debian's with files in the image, and `student` with the student's own uid.
 * Mounted over the image's files, which know one uid for all.
 */
import { join } from 'node:path';
import { HOME_PATH } from '../protocol/constants.ts';
import { writeMountedFile } from './mounted-file.ts';

/** Names of the files, in the folder on the host and in the environment's `/etc`. */
export const ACCOUNT_FILES = ['passwd', 'group'] as const;

const NO_LOGIN = '/usr/sbin/nologin';

function accountFile(name: (typeof ACCOUNT_FILES)[number], uid: number): string {
  switch (name) {
    case 'passwd':
      return [
        'root:x:0:0:root:/root:/bin/bash',
        `_apt:x:42:65534::/nonexistent:${NO_LOGIN}`,
        `nobody:x:65534:65534:nobody:/nonexistent:${NO_LOGIN}`,
        `sshd:x:100:65534::/run/sshd:${NO_LOGIN}`,
        `student:x:${uid}:${uid}::${HOME_PATH}:/bin/bash`,
        '',
      ].join('\n');
    case 'group':
      return [
        'root:x:0:',
        'tty:x:5:',
        'mail:x:8:',
        'shadow:x:42:',
        'utmp:x:43:',
        'staff:x:50:',
        'nogroup:x:65534:',
        `student:x:${uid}:`,
        '',
      ].join('\n');
  }
}

/** Writes the files into the folder that is mounted into one environment; the engine mounts them over `/etc`. */
export function placeAccountFiles(folder: string, uid: number): void {
  for (const name of ACCOUNT_FILES) writeMountedFile(join(folder, name), accountFile(name, uid));
}
