/** Real programs that students add to their shells, from Debian. The student image has none of them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareContainer } from '../../support/bare-container.ts';
import { unpackPackages } from '../../support/debian-packages.ts';

/** The first release with starship. Its programs need its own libraries. */
const RELEASE = 'trixie';
const PACKAGES = ['direnv', 'starship', 'zoxide', 'undistract-me', 'libc6', 'libgcc-s1', 'zlib1g'];
/** Their folder in the containers. */
const PLACE = '/opt/shell-tools';

const wrapper = (name: string) => `#!/bin/sh
for loader in ${PLACE}/usr/lib/*/ld-linux-*.so.*; do
  exec "$loader" --library-path "\${loader%/*}" ${PLACE}/usr/bin/${name} "$@"
done
`;

/** Makes starship print the prompt that the transcripts wait for, with a module that reads the last status. */
const STARSHIP = `format = '$status> '
add_newline = false
[status]
disabled = false
format = '$status '
`;

/** Copies direnv, starship, zoxide and undistract-me's preexec.bash (the ancestor of bash-preexec) into containers. */
export function placeShellTools(containers: readonly BareContainer[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-shell-tools-'));
  try {
    unpackPackages(RELEASE, PACKAGES, folder);
    mkdirSync(join(folder, 'bin'));
    for (const name of ['direnv', 'starship', 'zoxide']) {
      writeFileSync(join(folder, 'bin', name), wrapper(name));
      chmodSync(join(folder, 'bin', name), 0o755);
    }
    writeFileSync(join(folder, 'starship.toml'), STARSHIP);
    chmodSync(folder, 0o755);
    for (const { id } of containers)
      execFileSync('docker', ['cp', folder, `${id}:${PLACE}`], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
