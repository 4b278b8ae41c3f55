/** Programs of another Debian release than the host's, unpacked beside it and not installed. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The mirror that this host's apt has Debian from. */
function mirror(): string {
  const fields = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'];
  const [address] = execFileSync('apt-get', fields, { encoding: 'utf8' }).split('\n');
  if (!address)
    throw new Error('apt on this host knows no mirror of Debian: the tests take packages from it');
  return address;
}

/** Unpacks packages of a release (`trixie`) into a folder. The host's apt keeps its own lists. */
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
    const apt = (...args: string[]) =>
      execFileSync('apt-get', [...settings, ...args], { cwd: work, stdio: 'pipe' });
    apt('update');
    apt('download', ...packages);
    for (const archive of globSync('*.deb', { cwd: work }))
      execFileSync('dpkg-deb', ['-x', join(work, archive), folder]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
