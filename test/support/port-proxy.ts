/** The engine's port proxy: one process for each published port of a container. */
import { readdirSync, readFileSync } from 'node:fs';

/** The process that forwards a port of the host; undefined while there is none. */
export function portProxyOf(port: number): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const [program, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return program?.endsWith('docker-proxy') && args[args.indexOf('-host-port') + 1] === String(port);
    } catch {
      // The process has ended meanwhile.
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

/** How many files the process has open; 0 once it has ended. */
export function openFilesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
