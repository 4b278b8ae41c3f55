/**
 * The key with which this installation's clients log in to environments. The pipe of the engine has let them in
 * already; the key only satisfies sshd. Environments hold the public half, and make host keys of their own.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';

export const privateKeyPath = (stateDir: string) => join(stateDir, 'ssh', 'id_ed25519');

/** Makes the pair once and returns the public line for `authorized_keys`. */
function ensureKeyPair(stateDir: string): string {
  const path = privateKeyPath(stateDir);
  if (!existsSync(path)) {
    mkdirSync(join(stateDir, 'ssh'), { recursive: true, mode: 0o700 });
    const pair = ssh2.utils.generateKeyPairSync('ed25519', {
      comment: 'devenv',
    });
    writeFileSync(`${path}.pub`, `${pair.public}\n`);
    // Renamed into place last: a half-written key would lock everybody out.
    writeFileSync(`${path}.new`, pair.private, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return readFileSync(`${path}.pub`, 'utf8');
}

/** Puts the public key into the folder that is mounted into one environment. */
export function placePublicKey(stateDir: string, socketDir: string): void {
  mkdirSync(socketDir, { recursive: true });
  chmodSync(socketDir, 0o711);
  const path = join(socketDir, 'authorized_keys');
  writeFileSync(path, ensureKeyPair(stateDir));
  chmodSync(path, 0o644);
}
