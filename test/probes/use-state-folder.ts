/** Another user of the host who lists students, connects as an agent, and locks the orchestrator's lock file. */
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { $ } from '../support/shell.ts';

const CONNECT = 'use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => $ARGV[0]) ? 0 : 1)';

async function attack({ devenv: { stateDir } }: Scene) {
  const agents = join(stateDir, 'agents');
  const socket = join(agents, String(readdirSync(agents)[0]), 'agent.sock');
  const attempts = [
    ['ls', agents],
    ['perl', '-e', CONNECT, socket],
    ['cat', join(stateDir, 'lock')],
  ];
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const codes = await Promise.all(
    attempts.map(async (command) => (await $({ nothrow: true })`setpriv ${asNobody} ${command}`).exitCode),
  );
  const succeeded = codes.filter((code) => code === 0).length;
  return heldIf(succeeded === 0, `${succeeded} of ${attempts.length} attempts of the user nobody succeeded`);
}

/** The modes that the folders and the lock had before 0.1.0. */
async function withOpenFolder(scene: Scene) {
  const { stateDir } = scene.devenv;
  const modes = [
    [stateDir, 0o711, 0o700],
    [join(stateDir, 'agents'), 0o755, 0o700],
    [join(stateDir, 'lock'), 0o644, 0o600],
  ] as const;
  for (const [path, open] of modes) chmodSync(path, open);
  try {
    return await attack(scene);
  } finally {
    for (const [path, , closed] of modes) chmodSync(path, closed);
  }
}

export const probe: Probe = {
  name: 'use-state-folder',
  attack: 'another user of the host lists students, connects as an agent and opens the lock',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: withOpenFolder,
};
