/** What `devenv doctor` says of the students' firewall. */
import type Docker from 'dockerode';
import type { Diagnostic } from '../domain.ts';
import type { Problem } from '../errors.ts';
import { readTraits } from './engine-traits.ts';
import type { FirewallState } from './firewall-helper.ts';
import type { FirewallTrial } from './firewall-trial.ts';

export interface FirewallDiagnosticsDeps {
  docker: Docker;
  /** The image of an environment that runs, if any does. */
  imageInUse: string | null;
  /** Why the students' network is disconnected, as far as this process knows. */
  networkProblem: Problem | null;
  checkFirewall(image: string): Promise<FirewallState>;
  /** Tries with packets what students reach. */
  tryFirewall(image: string): Promise<FirewallTrial>;
}

type Result = Omit<Diagnostic, 'subject'>;

/** Where the rules exist and packets pass nevertheless. */
function explainTrial({ reachesHost, reachesStudents }: FirewallTrial): Result | null {
  const reached = [...(reachesHost ? ['this host'] : []), ...(reachesStudents ? ['other students'] : [])];
  if (reached.length === 0) return null;
  return {
    ok: false,
    found: `its rules exist, but a packet from a student reaches ${reached.join(' and ')}`,
    next: "Stop the students' environments (`devenv stop NAME`). Another program's rules accept the packets first: `nft list ruleset` and `iptables -S` show them.",
  };
}

/** Checks the rules, and then tries them. */
export async function diagnoseFirewall({
  docker,
  imageInUse,
  networkProblem,
  checkFirewall,
  tryFirewall,
}: FirewallDiagnosticsDeps): Promise<Result> {
  if (networkProblem !== null) return { ok: false, found: networkProblem.what, next: networkProblem.next };
  if (imageInUse === null) return { ok: true, found: 'not needed, no environment runs', next: null };
  const state = await checkFirewall(imageInUse);
  if (state.kind === 'inactive') {
    const next = 'The orchestrator installs it again within 20 s, or disconnects the students.';
    return { ok: false, found: `not active (${state.reason})`, next };
  }
  const gap = explainTrial(await tryFirewall(imageInUse));
  if (gap !== null) return gap;
  if (!state.hasLimits) {
    const found =
      "active, but students' connections and bandwidth are not limited: the kernel refuses the rules";
    return {
      ok: false,
      found,
      next: 'As root: modprobe -a xt_hashlimit xt_connlimit. Where the kernel has no such modules, install its package of additional ones, such as linux-modules-extra on Ubuntu.',
    };
  }
  // With the back end `nftables`, Docker's rules are where iptables does not show them.
  if (state.hasDockerRules || (await readTraits(docker)).firewall === 'nftables')
    return { ok: true, found: 'active', next: null };
  const found = "active, but Docker's own rules were removed: students have no internet";
  return { ok: false, found, next: 'Restart Docker: systemctl restart docker' };
}
