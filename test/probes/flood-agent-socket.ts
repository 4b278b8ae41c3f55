/** One endless line on the socket that an environment shares with the orchestrator. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { $ } from '../support/shell.ts';

const SENT_BYTES = 32 * 2 ** 20;
const MAX_ACCEPTED_BYTES = 2 * 2 ** 20;

/** Sends the line in chunks; prints how many bytes the other end has taken. */
const attackOn = (socket: string) => `node -e '
  const socket = require("net").connect("${socket}"); const chunk = "x".repeat(65536); let taken = 0;
  const end = () => { console.log(taken); process.exit(); };
  const send = () => socket.write(chunk, (error) => {
    if (error) return end(); taken += chunk.length; taken < ${SENT_BYTES} ? send() : end(); });
  socket.on("error", () => {}).on("close", end).on("connect", send);'`;

const result = (taken: number) =>
  heldIf(
    taken < MAX_ACCEPTED_BYTES,
    `${(taken / 2 ** 20).toFixed(1)} of ${SENT_BYTES / 2 ** 20} MB accepted`,
  );

export const probe: Probe = {
  name: 'flood-agent-socket',
  attack: 'a student sends an endless line to the orchestrator in place of the agent',
  runs: 'ci',
  knownGap: null,
  run: async ({ attacker }) =>
    result(Number(await attacker.runScript(attackOn('/run/devenv-host/agent.sock')))),
  // The same line to a reader that waits for its end without a limit.
  async runUnprotected() {
    const folder = mkdtempSync(join(tmpdir(), 'devenv-probe-'));
    let taken = 0;
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        taken += chunk.length;
      });
    }).listen(join(folder, 'socket'));
    await once(server, 'listening');
    try {
      await $`bash -c ${attackOn(join(folder, 'socket'))}`;
      return result(taken);
    } finally {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
