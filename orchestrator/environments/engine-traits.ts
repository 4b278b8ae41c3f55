/** How the engine is configured, as far as environments depend on it. */
import type Docker from 'dockerode';

export interface EngineTraits {
  /** Whether the engine runs containers in a user namespace (`userns-remap`): their uids are others on the host. */
  isRemapped: boolean;
  /** What Docker writes its own rules with. A choice since version 29. */
  firewall: 'iptables' | 'nftables';
}

/** The part of the engine's `/info` that tells it. */
export interface EngineInfo {
  /** E.g. `name=seccomp,profile=default` and `name=userns`. */
  SecurityOptions?: string[] | null;
  /** `Driver`: `iptables` or `nftables`, with `+firewalld` where that runs. Missing before version 28. */
  FirewallBackend?: { Driver?: string } | null;
}

export function traitsOf({ SecurityOptions, FirewallBackend }: EngineInfo): EngineTraits {
  const options = (SecurityOptions ?? []).map((option) => option.split(',')[0]);
  return {
    isRemapped: options.includes('name=userns'),
    firewall: FirewallBackend?.Driver?.startsWith('nftables') ? 'nftables' : 'iptables',
  };
}

export const readTraits = async (docker: Docker): Promise<EngineTraits> =>
  traitsOf((await docker.info()) as EngineInfo);
