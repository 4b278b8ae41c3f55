/** Debian's zsh for a student's home: the student image has none, and students cannot install packages as root. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackPackages } from '../support/debian-packages.ts';

/** The Debian release of the image's base or an older one, because zsh uses the image's libraries. */
const RELEASE = 'bookworm';

/** Unpacks zsh into a new folder named `zsh` and returns its path; the caller removes the parent folder. */
export function unpackZsh(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'devenv-zsh-')), 'zsh');
  unpackPackages(RELEASE, ['zsh'], folder);
  writeFileSync(join(folder, '.zshenv'), 'module_path=(~/zsh/usr/lib/*/zsh/*)\n');
  // The matrices wait for a prompt that ends with `$ `.
  writeFileSync(join(folder, '.zshrc'), "PS1='zsh$ '\n");
  return folder;
}

/** Makes zsh the shell of all terminals in the way that is commonly recommended where `chsh` is not available. */
export const ZSH_AS_SHELL = `echo 'ZDOTDIR=~/zsh exec ~/zsh/bin/zsh' >> ~/.bashrc`;
