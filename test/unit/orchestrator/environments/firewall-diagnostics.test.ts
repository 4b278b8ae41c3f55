/** What `devenv doctor` says of the firewall. */
import type Docker from 'dockerode';
import {
  diagnoseFirewall,
  type FirewallDiagnosticsDeps,
} from '../../../../orchestrator/environments/firewall-diagnostics.ts';
import type { FirewallState } from '../../../../orchestrator/environments/firewall-helper.ts';

const active = { kind: 'active', wasInstalled: false, hasDockerRules: true, hasLimits: true } as const;

const diagnose = (
  state: FirewallState,
  { driver = 'iptables', ...deps }: Partial<FirewallDiagnosticsDeps> & { driver?: string } = {},
) =>
  diagnoseFirewall({
    docker: { info: async () => ({ FirewallBackend: { Driver: driver } }) } as unknown as Docker,
    imageInUse: 'devenv-student:1',
    networkProblem: null,
    checkFirewall: async () => state,
    tryFirewall: async () => ({ reachesHost: false, reachesStudents: false }),
    ...deps,
  });

test('rules that exist and hold are active', async () => {
  expect(await diagnose(active)).toEqual({ ok: true, found: 'active', next: null });
});

test('rules that exist but let packets pass are not', async () => {
  const tryFirewall = async () => ({ reachesHost: true, reachesStudents: true });
  expect(await diagnose(active, { tryFirewall })).toMatchObject({
    ok: false,
    found: expect.stringContaining('reaches this host and other students'),
  });
});

test("Docker's missing rules matter, unless it writes them with nftables", async () => {
  const state = { ...active, hasDockerRules: false };
  expect(await diagnose(state)).toMatchObject({ ok: false, next: expect.stringContaining('Restart Docker') });
  expect(await diagnose(state, { driver: 'nftables' })).toMatchObject({ ok: true, found: 'active' });
});

test('a firewall that is not active is not tried', async () => {
  const tryFirewall = () => {
    throw new Error('tried');
  };
  const state = { kind: 'inactive', reason: 'flushed', isDisconnected: false } as const;
  expect(await diagnose(state, { tryFirewall })).toMatchObject({ found: 'not active (flushed)' });
  expect(await diagnose(active, { tryFirewall, imageInUse: null })).toMatchObject({ ok: true });
});
