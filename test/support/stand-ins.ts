/** Stand-ins for programs of the host: scripts in a folder that comes first in PATH. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class StandIns {
  readonly folder = mkdtempSync(join(tmpdir(), 'devenv-stand-ins-'));
  readonly #realPath = process.env.PATH;

  constructor() {
    mkdirSync(join(this.folder, 'bin'));
    process.env.PATH = `${join(this.folder, 'bin')}:${this.#realPath}`;
  }

  /** Adds a program; each call of it is recorded. */
  add(name: string, script: string): void {
    const record = `echo "${name} $*" >>${this.folder}/calls`;
    writeFileSync(join(this.folder, 'bin', name), `#!/bin/sh\n${record}\n${script}\n`, { mode: 0o755 });
  }

  /** A file below the folder; null while it is missing or empty. */
  read(path: string): string | null {
    const file = join(this.folder, path);
    return (existsSync(file) && readFileSync(file, 'utf8')) || null;
  }

  /** The recorded command lines; null if no stand-in was called. */
  calls(): string | null {
    return this.read('calls');
  }

  remove(): void {
    process.env.PATH = this.#realPath;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
