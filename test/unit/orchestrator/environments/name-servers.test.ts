/** Which name servers environments ask. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  hostResolvers,
  needsEngineResolver,
  resolverFile,
  studentResolvers,
} from '../../../../orchestrator/environments/name-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'devenv-resolv-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file like the host's `/etc/resolv.conf`; returns its path. */
function hostFile(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const missing = join(folder, 'missing');

test('name servers on loopback, IPv6 ones and missing files are skipped', () => {
  const path = hostFile(
    'mixed',
    'nameserver 127.0.0.53',
    '# nameserver 1.1.1.1',
    'nameserver 10.0.0.53',
    'nameserver fe80::1',
    'nameserver 10.0.0.53',
  );
  expect(hostResolvers([path, missing])).toEqual(['10.0.0.53']);
});

test('where systemd-resolved listens on loopback, the name servers that it asks are used', () => {
  const stub = hostFile('stub', 'nameserver 127.0.0.53', 'options edns0 trust-ad');
  const real = hostFile('real', 'nameserver 192.168.1.1', 'nameserver 192.168.1.2');
  expect(hostResolvers([stub, real])).toEqual(['192.168.1.1', '192.168.1.2']);
});

test('the setting replaces the name servers of the host', () => {
  expect(studentResolvers(['10.0.0.7', '127.0.0.1'], () => ['10.0.0.53'])).toEqual(['10.0.0.7']);
  expect(studentResolvers([], () => ['10.0.0.53'])).toEqual(['10.0.0.53']);
});

test('the file has at most three name servers, and searches names as the host does', () => {
  const host = hostFile(
    'host',
    'search old.test',
    'search lab.test test',
    'options edns0 trust-ad',
    'options rotate',
  );
  const content = resolverFile(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'], host);
  expect(content).toBe(
    'nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch lab.test test\noptions edns0\noptions rotate\n',
  );
  expect(needsEngineResolver(content)).toBe(false);
});

test("a host with name servers only on loopback leaves Docker's own in use", () => {
  const stub = hostFile('loopback', 'nameserver 127.0.0.1', 'options trust-ad');
  const content = resolverFile(hostResolvers([stub, missing]), stub);
  expect(content).toBe('nameserver 127.0.0.11\n');
  expect(needsEngineResolver(content)).toBe(true);
});
