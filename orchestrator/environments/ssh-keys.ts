/**
 * The key with which this installation's clients log in to environments. The pipe of the engine has let them in
 * already; the key only satisfies sshd. Environments hold the public half, and make host keys of their own.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import { systemCodeOf } from '../errors.ts';

export const privateKeyPath = (stateDir: string) => join(stateDir, 'ssh', 'id_ed25519');

function parsed(privateKey: string): ParsedKey | null {
  const key = ssh2.utils.parseKey(privateKey);
  return key instanceof Error ? null : key;
}

/**
 * A private key that OpenSSH and ssh2 can read. ssh2 1.17 drops leading zeros of the public half, so that one pair in
 * 256 is malformed (its issues 1390 and 1513): made again until it can be read.
 */
export function generatePrivateKey(): string {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'devenv' });
    if (parsed(pair.private)) return pair.private;
  }
}

function readPrivateKey(path: string): ParsedKey | null {
  try {
    return parsed(readFileSync(path, 'utf8'));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The installation's key; made where there is none, and made anew where nobody could log in with it. */
function ensureKey(stateDir: string): ParsedKey {
  const path = privateKeyPath(stateDir);
  const kept = readPrivateKey(path);
  if (kept) return kept;
  mkdirSync(join(stateDir, 'ssh'), { recursive: true, mode: 0o700 });
  // `ssh` offers what stands in a `.pub` beside the key, so one of an earlier key would lock everybody out.
  rmSync(`${path}.pub`, { force: true });
  writeFileSync(`${path}.new`, generatePrivateKey(), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return ensureKey(stateDir);
}

/** Puts the public key into the folder that is mounted into one environment. */
export function placePublicKey(stateDir: string, socketDir: string): void {
  mkdirSync(socketDir, { recursive: true });
  chmodSync(socketDir, 0o711);
  const path = join(socketDir, 'authorized_keys');
  const key = ensureKey(stateDir);
  writeFileSync(path, `${key.type} ${key.getPublicSSH().toString('base64')} devenv\n`);
  chmodSync(path, 0o644);
}
