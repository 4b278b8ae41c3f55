/** Debian's zsh for a student's home: the student image has none, and nobody is root there to install it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackPackages } from '../support/debian-packages.ts';

/** No newer than the image's base, whose libraries it uses. */
const RELEASE = 'bookworm';

/** A new folder `zsh` with everything in it; whoever asks removes the folder around it. */
export function unpackZsh(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'devenv-zsh-')), 'zsh');
  unpackPackages(RELEASE, ['zsh'], folder);
  writeFileSync(join(folder, '.zshenv'), 'module_path=(~/zsh/usr/lib/*/zsh/*)\n');
  // A prompt as the matrices wait for.
  writeFileSync(join(folder, '.zshrc'), "PS1='zsh$ '\n");
  return folder;
}

/** What makes it the shell of all terminals, as the net teaches it where `chsh` is not to be had. */
export const ZSH_AS_SHELL = `echo 'ZDOTDIR=~/zsh exec ~/zsh/bin/zsh' >> ~/.bashrc`;
