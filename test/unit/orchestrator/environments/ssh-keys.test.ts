/** The key with which clients log in to environments. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import {
  generatePrivateKey,
  placePublicKey,
  privateKeyPath,
} from '../../../../orchestrator/environments/ssh-keys.ts';

/** A key as ssh2 1.17 generates 1 in 256: its public half lacks a byte, so neither ssh2 nor OpenSSH reads it. */
const MALFORMED = {
  private: `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMgAAAAtz
c2gtZWQyNTUxOQAAAB9nZQgBtG8IIw49cBWpHcAe/5bqWKu83LXWvwEVfcu0AAAA
iKTOUuWkzlLlAAAAC3NzaC1lZDI1NTE5AAAAH2dlCAG0bwgjDj1wFakdwB7/lupY
q7zctda/ARV9y7QAAAA/Srct33fVAPDDCBDX166SpYy8/0wFkfN2RnLs34F33r9n
ZQgBtG8IIw49cBWpHcAe/5bqWKu83LXWvwEVfcu0AAAABmRldmVudgE=
-----END OPENSSH PRIVATE KEY-----
`,
  public: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAH2dlCAG0bwgjDj1wFakdwB7/lupYq7zctda/ARV9y7Q= devenv\n',
};

let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'devenv-ssh-keys-'));
});

afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function keyOf(text: string): ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

/** Places the key for one environment, and checks that it belongs to the private key. */
function place(student: string): { placed: string; privateKey: string } {
  const socketDir = join(stateDir, 'sockets', student);
  placePublicKey(stateDir, socketDir);
  const placed = readFileSync(join(socketDir, 'authorized_keys'), 'utf8');
  const privateKey = readFileSync(privateKeyPath(stateDir), 'utf8');
  expect(keyOf(placed).getPublicSSH()).toEqual(keyOf(privateKey).getPublicSSH());
  return { placed, privateKey };
}

test('all environments have the same key, and only its owner can read the private half', () => {
  const alice = place('alice');
  const bob = place('bob');
  expect(bob).toEqual(alice);
  expect(alice.placed).toMatch(/^ssh-ed25519 \S+ devenv\n$/);
  expect(statSync(privateKeyPath(stateDir)).mode & 0o777).toBe(0o600);
});

test('a malformed key is replaced, and its public half removed', () => {
  const path = privateKeyPath(stateDir);
  mkdirSync(join(stateDir, 'ssh'));
  writeFileSync(path, MALFORMED.private);
  writeFileSync(`${path}.pub`, MALFORMED.public);
  expect(() => keyOf(MALFORMED.private)).toThrow('Malformed');
  place('alice');
  expect(() => statSync(`${path}.pub`)).toThrow('ENOENT');
});

test('each of 2000 generated keys can be read', () => {
  const keys = Array.from({ length: 2000 }, generatePrivateKey);
  expect(keys.filter((key) => ssh2.utils.parseKey(key) instanceof Error)).toEqual([]);
});
