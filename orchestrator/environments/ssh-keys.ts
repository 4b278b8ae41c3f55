/**
 * The key with which this installation's clients log in to environments. Access is controlled by the engine's socket;
 * sshd only insists on a key. Environments have the public half, and create host keys of their own.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import { systemCodeOf } from '../errors.ts';

/** Where the private key is, for clients on this host. */
export const privateKeyPath = (stateDir: string) => join(stateDir, 'ssh', 'id_ed25519');

function parsePrivateKey(privateKey: string): ParsedKey | null {
  const key = ssh2.utils.parseKey(privateKey);
  return key instanceof Error ? null : key;
}

/**
 * A new private key that OpenSSH and ssh2 can read. ssh2 1.17 drops leading zeros of the public half, so 1 pair in 256
 * is malformed (its issues 1390 and 1513): generated again until one can be read.
 */
export function generatePrivateKey(): string {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'devenv' });
    if (parsePrivateKey(pair.private)) return pair.private;
  }
}

function readPrivateKey(path: string): ParsedKey | null {
  try {
    return parsePrivateKey(readFileSync(path, 'utf8'));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The installation's key; generated if there is none or a malformed one. */
function ensureKey(stateDir: string): ParsedKey {
  const path = privateKeyPath(stateDir);
  const existing = readPrivateKey(path);
  if (existing) return existing;
  mkdirSync(join(stateDir, 'ssh'), { recursive: true, mode: 0o700 });
  // `ssh` offers the `.pub` file beside the key, so that of an earlier key would make every login fail.
  rmSync(`${path}.pub`, { force: true });
  writeFileSync(`${path}.new`, generatePrivateKey(), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return ensureKey(stateDir);
}

/** Writes the public key into the folder that is mounted into one environment. */
export function placePublicKey(stateDir: string, socketDir: string): void {
  mkdirSync(socketDir, { recursive: true });
  chmodSync(socketDir, 0o711);
  const path = join(socketDir, 'authorized_keys');
  const key = ensureKey(stateDir);
  const line = `${key.type} ${key.getPublicSSH().toString('base64')} devenv\n`;
  // Written only where it changes, and replaced: a full disk would leave an empty file, and the student without a shell.
  if (existsSync(path) && readFileSync(path, 'utf8') === line) return;
  writeFileSync(`${path}.new`, line);
  chmodSync(`${path}.new`, 0o644);
  renameSync(`${path}.new`, path);
}
