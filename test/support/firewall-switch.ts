/** Removes the jumps to an installation's firewall for the time of a task, to show what happens without it. */
import { $sync } from './shell.ts';

/** A rule that leads traffic of a bridge into a chain: parent chain first, as `iptables -C` has it. */
export type Jump = string[];

/** Exit code of iptables for a rule or chain that does not exist. */
const NO_SUCH_RULE = [1, 2];

/** Whether iptables found the rule that it was to check or change. */
export function iptables(...args: string[]): boolean {
  const { ok, exitCode, stderr } = $sync({ sync: true, nothrow: true })`iptables -w 60 ${args}`;
  if (!ok && !NO_SUCH_RULE.includes(exitCode ?? -1)) throw new Error(`iptables ${args.join(' ')}: ${stderr}`);
  return ok;
}

/** The jumps to the rules for forwarded traffic. */
export const forwardJumps = (bridge: string): Jump[] =>
  ['FORWARD', 'DOCKER-USER'].map((parent) => [parent, '-i', bridge, '-j', `${bridge}-fwd`]);

/** The jumps to the rules for traffic to the host. */
export const inputJumps = (bridge: string): Jump[] => [['INPUT', '-i', bridge, '-j', `${bridge}-in`]];

/** Removes jumps, and returns those that existed. */
export function removeJumps(jumps: readonly Jump[]): Jump[] {
  return jumps.filter((jump) => {
    let existed = false;
    while (iptables('-D', ...jump)) existed = true;
    return existed;
  });
}

/**
 * Runs the task without the firewall. The orchestrator installs it again whenever it checks; a task that this
 * interrupted is repeated.
 */
export async function withoutFirewall<Result>(bridge: string, task: () => Promise<Result>): Promise<Result> {
  const jumps = [...forwardJumps(bridge), ...inputJumps(bridge)];
  for (;;) {
    const removed = removeJumps(jumps);
    try {
      const result = await task();
      if (jumps.every((jump) => !iptables('-C', ...jump))) return result;
    } finally {
      for (const [parent = '', ...jump] of removed)
        if (!iptables('-C', parent, ...jump)) iptables('-I', parent, '1', ...jump);
    }
  }
}

/**
 * Runs the task without the limits of each student's traffic. The orchestrator installs them again whenever it checks; a
 * task that this interrupted is repeated.
 */
export async function withoutTrafficLimits<Result>(
  bridge: string,
  task: () => Promise<Result>,
): Promise<Result> {
  const jumps = [
    ['PREROUTING', '-i', bridge, '-j', `${bridge}-up`],
    ['POSTROUTING', '-o', bridge, '-j', `${bridge}-down`],
  ];
  const each = (operation: string) =>
    jumps.map((jump) => iptables('-t', 'mangle', operation, ...jump)).every((existed) => existed);
  for (;;) {
    each('-D');
    try {
      const result = await task();
      if (!each('-C')) return result;
    } finally {
      if (!each('-C')) each('-I');
    }
  }
}

/**
 * Runs the task while neighbors of the host may reach the bridge's addresses: without our rule, and without those that
 * Docker has since version 28. A task that the orchestrator's check interrupted is repeated.
 */
export async function withoutIngressRules<Result>(
  bridge: string,
  task: () => Promise<Result>,
): Promise<Result> {
  const rules = () => {
    const { stdout } = $sync({ sync: true })`iptables -w 60 -t raw -S PREROUTING`;
    return stdout
      .split('\n')
      .filter((line) => line.includes(` ! -i ${bridge} `))
      .map((line) => line.split(' ').slice(1));
  };
  for (;;) {
    const removed = rules();
    for (const rule of removed) iptables('-t', 'raw', '-D', ...rule);
    try {
      const result = await task();
      if (rules().length === 0) return result;
    } finally {
      for (const rule of removed)
        if (!iptables('-t', 'raw', '-C', ...rule)) iptables('-t', 'raw', '-A', ...rule);
    }
  }
}
