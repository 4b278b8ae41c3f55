/** Programs of another Debian release than the host's, unpacked into a folder and not installed. */
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $sync } from './shell.ts';

/** The Debian mirror that the host's apt uses. */
function mirror(): string {
  const format = '$(REPO_URI)';
  const { stdout } =
    $sync`apt-get indextargets --format ${format} ${['Created-By: Packages', 'Label: Debian']}`;
  const [address] = stdout.split('\n');
  if (!address) throw new Error("the host's apt has no Debian mirror, from which these tests take packages");
  return address;
}

/** Downloads packages of a release (`trixie`) and unpacks them into a folder. The host's package lists stay as they are. */
export function unpackPackages(release: string, packages: readonly string[], folder: string): void {
  const work = mkdtempSync(join(tmpdir(), 'devenv-apt-'));
  try {
    for (const each of ['state/lists/partial', 'cache/archives/partial'])
      mkdirSync(join(work, each), { recursive: true });
    const sources = join(work, 'sources.list');
    const key = '/usr/share/keyrings/debian-archive-keyring.gpg';
    writeFileSync(sources, `deb [signed-by=${key}] ${mirror()} ${release} main\n`);
    const settings = [
      `Dir::Etc::sourcelist=${sources}`,
      'Dir::Etc::sourceparts=-',
      `Dir::State=${work}/state`,
      `Dir::Cache=${work}/cache`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
    ].flatMap((setting) => ['-o', setting]);
    const inWork = $sync({ sync: true, cwd: work });
    inWork`apt-get ${settings} update`;
    inWork`apt-get ${settings} download ${packages}`;
    for (const archive of globSync('*.deb', { cwd: work })) inWork`dpkg-deb -x ${archive} ${folder}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
