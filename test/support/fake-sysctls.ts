/** A folder with settings of the kernel in place of `/proc/sys`, and a file in place of the one in `/etc/sysctl.d`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostFiles } from '../../orchestrator/environments/host-limits.ts';

export class FakeSysctls implements HostFiles {
  readonly #folder = mkdtempSync(join(tmpdir(), 'devenv-sysctls-'));
  readonly sysctls = join(this.#folder, 'proc-sys');
  readonly config = join(this.#folder, 'sysctl.d/60-devenv.conf');

  constructor(values: Record<string, number>) {
    for (const [key, value] of Object.entries(values)) this.set(key, value);
  }

  #path(key: string): string {
    return join(this.sysctls, ...key.split('.'));
  }

  set(key: string, value: number): void {
    mkdirSync(dirname(this.#path(key)), { recursive: true });
    writeFileSync(this.#path(key), `${value}\n`);
  }

  get(key: string): number {
    return Number(readFileSync(this.#path(key), 'utf8'));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
