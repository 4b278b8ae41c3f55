/** What the engine's `/info` tells of its configuration. The documents are those of real engines, shortened. */
import { diagnoseLimits } from '../../../../orchestrator/environments/diagnostics.ts';
import { traitsOf } from '../../../../orchestrator/environments/engine-traits.ts';

const engine20 = { SecurityOptions: ['name=seccomp,profile=default'] };
const remapped20 = { SecurityOptions: ['name=seccomp,profile=default', 'name=userns'] };
const engine28 = {
  SecurityOptions: ['name=seccomp,profile=builtin'],
  FirewallBackend: { Driver: 'iptables' },
};
const nftables29 = {
  SecurityOptions: ['name=seccomp,profile=builtin'],
  FirewallBackend: { Driver: 'nftables', Info: [['EnableUserlandProxy', 'true']] },
};
const firewalld = { FirewallBackend: { Driver: 'iptables+firewalld' } };

test.each([
  ['20.10', engine20, false, 'iptables'],
  ['20.10 with userns-remap', remapped20, true, 'iptables'],
  ['28', engine28, false, 'iptables'],
  ['29 with firewall-backend nftables', nftables29, false, 'nftables'],
  ['one with firewalld', firewalld, false, 'iptables'],
  ['one without security options', { SecurityOptions: null }, false, 'iptables'],
])('an engine: %s', (_name, info, isRemapped, firewall) => {
  expect(traitsOf(info)).toEqual({ isRemapped, firewall });
});

test('`doctor` says what userns-remap takes away', () => {
  const limits = { CgroupVersion: '1', MemoryLimit: true, PidsLimit: true };
  expect(diagnoseLimits({ ...engine20, ...limits }, true)).toMatchObject({ ok: true });
  expect(diagnoseLimits({ ...remapped20, ...limits }, true)).toMatchObject({
    ok: false,
    found: expect.stringContaining('pseudo-terminals'),
    next: expect.stringContaining('userns-remap'),
  });
});

test('an engine that cannot limit memory is reported', () => {
  expect(diagnoseLimits({ ...engine28, CgroupVersion: '2', MemoryLimit: false }, true)).toMatchObject({
    ok: false,
    found: 'cgroup v2, Docker cannot limit memory or processes',
  });
});
