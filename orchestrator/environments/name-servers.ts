/**
 * The name servers of environments. Docker's own name server, which every container on a network has, knows the names and
 * addresses of all students. So environments ask the host's name servers directly, through a `/etc/resolv.conf` that is
 * mounted from the host, and Docker's one is closed.
 */
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { writeMountedFile } from './mounted-file.ts';

/** Name of the file, in the folder on the host and in the environment's `/etc`. */
export const RESOLVER_FILE = 'resolv.conf';

/** Address of Docker's own name server in each container. */
export const ENGINE_RESOLVER = '127.0.0.11';

/** The C library ignores further ones. */
const MAX_RESOLVERS = 3;

const HOST_FILE = '/etc/resolv.conf';

/** Where systemd-resolved, which listens on a loopback address, keeps the name servers that it asks. */
const SYSTEMD_FILE = '/run/systemd/resolve/resolv.conf';

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Whether an environment reaches a name server at this address: its own loopback is not the host's, and it has no IPv6. */
const isReachable = (address: string) => isIPv4(address) && !address.startsWith('127.');

/** The host's name servers that environments can reach. */
export function hostResolvers(files = [HOST_FILE, SYSTEMD_FILE]): string[] {
  const found = files.flatMap((file) =>
    [...readOrEmpty(file).matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address),
  );
  return [...new Set(found)].filter(isReachable);
}

/**
 * The name servers that students may ask: those of the setting, else the host's. Empty where the host only has some on
 * loopback addresses: then Docker's own name server must ask them on the students' behalf.
 */
export function studentResolvers(setting: readonly string[], host = hostResolvers): string[] {
  return setting.length > 0 ? setting.filter(isReachable) : host();
}

/** The lines of the host's file that say how to search names. `trust-ad` is only for a resolver on the same machine. */
function searchLines(hostFile: string): string[] {
  const lines = readOrEmpty(hostFile).split('\n');
  const search = lines.findLast((line) => /^(search|domain)\s+\S/.test(line));
  const options = lines
    .filter((line) => /^options\s+\S/.test(line))
    .map((line) => line.replace(/\s+trust-ad\b/, ''))
    .filter((line) => line !== 'options');
  return [...(search === undefined ? [] : [search]), ...options];
}

/** The content of an environment's `/etc/resolv.conf`. Without name servers, Docker's own. */
export function resolverFile(resolvers: readonly string[], hostFile = HOST_FILE): string {
  const servers = resolvers.length > 0 ? resolvers.slice(0, MAX_RESOLVERS) : [ENGINE_RESOLVER];
  return [...servers.map((address) => `nameserver ${address}`), ...searchLines(hostFile), ''].join('\n');
}

/** Whether environments with this file need Docker's own name server. */
export const needsEngineResolver = (content: string) => content.includes(`nameserver ${ENGINE_RESOLVER}\n`);

/** Writes the file into the folder that is mounted into one environment. */
export function placeResolverFile(folder: string, content: string): void {
  writeMountedFile(join(folder, RESOLVER_FILE), content);
}
