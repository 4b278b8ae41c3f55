/** A small file system at a folder, which a test can fill to its last byte. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { $ } from './shell.ts';

export class SmallDisk {
  readonly folder: string;
  readonly #filler: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#filler = join(folder, 'filler');
  }

  /** Mounts a file system of `megabytes` at the folder, which must be empty. Needs root. */
  static async mount(folder: string, megabytes: number): Promise<SmallDisk> {
    mkdirSync(folder, { recursive: true });
    await $`mount -t tmpfs -o ${`size=${megabytes}m,mode=0700`} tmpfs ${folder}`;
    return new SmallDisk(folder);
  }

  /** Takes every byte that is free. */
  async fill(): Promise<void> {
    await $({
      nothrow: true,
      stdio: 'pipe',
    })`dd if=/dev/zero of=${this.#filler} bs=512 oflag=append conv=notrunc`;
  }

  /** Frees what `fill` took. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Unmounts it, also while programs have files of it open. The folder remains. */
  unmount(): Promise<void> {
    return unmount(this.folder);
  }
}

/** Unmounts the file system at the folder; does nothing if none is mounted there. */
export async function unmount(folder: string): Promise<void> {
  await $({ nothrow: true, stdio: 'pipe' })`umount --lazy ${folder}`;
}
