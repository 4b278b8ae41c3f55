/** Finds the probes: every file of test/probes/ exports one as `probe`. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Probe } from './probe.ts';

const folder = join(import.meta.dirname, '../../probes');

/** All probes, by name. Throws where a file exports none, or its name is another one. */
export async function loadProbes(): Promise<Probe[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  return Promise.all(
    files.sort().map(async (file) => {
      const { probe } = (await import(join(folder, file))) as { probe?: Probe };
      if (probe?.name !== file.slice(0, -'.ts'.length))
        throw new Error(`test/probes/${file} must export a \`probe\` with the file's name`);
      return probe;
    }),
  );
}
