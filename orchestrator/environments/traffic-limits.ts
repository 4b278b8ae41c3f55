/**
 * Limits of each student's traffic, as iptables rules of the table `mangle`, where every packet passes once: `filter` has
 * two jumps for forwarded traffic. What these rules drop never becomes an entry of the host's connection tracking table.
 */
import type { Settings } from '../settings-schema.ts';

/** How long a burst of `limits.bandwidth` may last, in seconds. */
const BANDWIDTH_BURST_S = 2;

/** hashlimit forgets what a student has used after this time without traffic, in ms, by default. */
const MIN_EXPIRY_MS = 10_000;

export interface TrafficLimits {
  /** Name of the chain for packets from students. */
  upload: string;
  /** Name of the chain for packets to students. */
  download: string;
  /** Input of `iptables-restore --noflush`. No IPv6: the firewall refuses every such packet. */
  v4: string;
}

export type Limits = Pick<Settings['limits'], 'connections' | 'newConnections' | 'bandwidth'>;

/** `2000k` for `1000k` and 2. */
const multiply = (size: string, factor: number) => `${Number(size.slice(0, -1)) * factor}${size.at(-1)}`;

/**
 * The rules. Names of hashlimit's tables contain its parameters, since a rule that names an existing table gets that
 * table's limit. DROP, not REJECT: TCP repeats the packet, so a program over a limit becomes slower and does not fail.
 */
export function trafficLimits(
  bridge: string,
  { connections, newConnections, bandwidth }: Limits,
): TrafficLimits {
  const [upload, download] = [`${bridge}-up`, `${bridge}-down`];
  const expiryMs = Math.max(MIN_EXPIRY_MS, Math.ceil((connections / newConnections) * 1000));
  const rate = [
    `-m hashlimit --hashlimit-above ${newConnections}/sec --hashlimit-burst ${connections} --hashlimit-mode srcip`,
    `--hashlimit-htable-expire ${expiryMs} --hashlimit-name ${bridge}-new-${newConnections}-${connections}`,
  ].join(' ');
  const bytes = (mode: 'srcip' | 'dstip') =>
    [
      `-m hashlimit --hashlimit-above ${bandwidth}b/s --hashlimit-burst ${multiply(bandwidth, BANDWIDTH_BURST_S)}b`,
      `--hashlimit-mode ${mode} --hashlimit-name ${bridge}-${mode}-${bandwidth} -j DROP`,
    ].join(' ');
  const isNew = '-m conntrack --ctstate NEW';
  const rules = [
    `-A ${upload} ${isNew} ${rate} -j DROP`,
    `-A ${upload} ${isNew} -m connlimit --connlimit-above ${connections} --connlimit-mask 32 --connlimit-saddr -j DROP`,
    `-A ${upload} ${bytes('srcip')}`,
    `-A ${download} ${bytes('dstip')}`,
  ];
  const v4 = ['*mangle', `:${upload} - [0:0]`, `:${download} - [0:0]`, ...rules, 'COMMIT', ''].join('\n');
  return { upload, download, v4 };
}
