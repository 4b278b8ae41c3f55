/** Kernel limits that all students of a host share. Setup as root raises them; `devenv doctor` checks them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Progress } from '../domain.ts';
import { messageOf } from '../errors.ts';

export interface HostFiles {
  /** Where the kernel's settings are: `/proc/sys`. */
  sysctls: string;
  /** What sets them at boot. devenv writes no other file there. */
  config: string;
}

export const HOST_FILES: HostFiles = { sysctls: '/proc/sys', config: '/etc/sysctl.d/60-devenv.conf' };

/** Values for a class of 100. Higher ones are kept. */
export const RECOMMENDED_LIMITS: Readonly<Record<string, number>> = {
  // The agent and each dev server, editor and file watcher need an instance.
  'fs.inotify.max_user_instances': 1024,
  'fs.inotify.max_user_watches': 524_288,
  'kernel.pty.max': 16_384,
  'net.ipv4.neigh.default.gc_thresh1': 1024,
  'net.ipv4.neigh.default.gc_thresh2': 4096,
  'net.ipv4.neigh.default.gc_thresh3': 8192,
  'net.netfilter.nf_conntrack_max': 262_144,
};

const pathOf = (key: string, { sysctls }: HostFiles) => join(sysctls, ...key.split('.'));

/** A setting of the kernel; null where this kernel has none of that name. */
export function readSysctl(key: string, files: HostFiles = HOST_FILES): number | null {
  try {
    return Number.parseInt(readFileSync(pathOf(key, files), 'utf8'), 10);
  } catch {
    return null;
  }
}

const HEADER =
  '# Written by devenv: kernel limits that a class shares. devenv raises values and never lowers one.';

/** The settings in a file of `sysctl.d`. */
function readConfig({ config }: HostFiles): Map<string, number> {
  if (!existsSync(config)) return new Map();
  const lines = readFileSync(config, 'utf8').matchAll(/^\s*-?([\w.]+)\s*=\s*(\d+)\s*$/gm);
  return new Map([...lines].map(([, key = '', value]) => [key, Number(value)]));
}

function writeConfig(raised: Map<string, number>, files: HostFiles): void {
  const merged = readConfig(files);
  for (const [key, value] of raised) merged.set(key, Math.max(value, merged.get(key) ?? 0));
  const lines = [...merged].sort(([a], [b]) => a.localeCompare(b)).map(([key, value]) => `${key} = ${value}`);
  mkdirSync(dirname(files.config), { recursive: true });
  writeFileSync(files.config, `${[HEADER, ...lines].join('\n')}\n`, { mode: 0o644 });
}

/**
 * Raises limits below the recommended values, now and for the next boot, and reports each. Does nothing where all are
 * high enough. A host that refuses gets a warning: a small class works without.
 */
export function raiseHostLimits(progress: Progress, files: HostFiles = HOST_FILES): void {
  const raised = new Map<string, number>();
  for (const [key, recommended] of Object.entries(RECOMMENDED_LIMITS)) {
    const current = readSysctl(key, files);
    if (current !== null && current < recommended) raised.set(key, recommended);
  }
  if (raised.size === 0) return;
  const list = [...raised].map(([key, value]) => `${key} = ${value}`).join(', ');
  progress.step('host-limits', `Raising limits of this host for a class, in ${files.config}: ${list}`);
  try {
    writeConfig(raised, files);
    for (const [key, value] of raised) writeFileSync(pathOf(key, files), String(value));
    progress.done('host-limits', `Limits of this host raised (${files.config})`);
  } catch (error) {
    progress.warn(`The limits of this host could not be raised: ${messageOf(error)}`);
  }
}

/** Commands for root that set a limit now and at each boot. */
export const commandToRaise = (key: string, value: number, { config }: HostFiles = HOST_FILES) =>
  `sysctl -w ${key}=${value} && echo '${key} = ${value}' >> ${config}`;
