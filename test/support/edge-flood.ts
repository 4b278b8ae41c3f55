/** A flood of connections at a local edge with two links: one is attacked, the other one's visitors are measured. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../orchestrator/clock.ts';
import { connectionsFor } from '../../orchestrator/edges/local/connection-limits.ts';
import { ControlConnection } from '../../orchestrator/edges/local/control-connection.ts';
import { endEdge, findEdge, launchEdge } from '../../orchestrator/edges/local/launch.ts';
import { browse } from './browse.ts';
import { freePort } from './free-port.ts';
import { root } from './installation.ts';
import { percentile, timed } from './measurements.ts';
import { RelayProcess } from './relay-process.ts';
import { $ } from './shell.ts';
import { currentRun } from './test-run.ts';
import { portOf } from './visitor-rig.ts';

export interface EdgeFloodOptions {
  port: number;
  /** Whose link receives the uploads. */
  hostname: string;
  /** Idle connections, and slow uploads. */
  idle: number;
  uploads: number;
  /** From how many addresses they come. */
  addresses: number;
}

export interface FloodMeasurement {
  visits: number;
  failed: number;
  /** Of the visits that succeeded, before and during the flood. */
  quietP95Ms: number;
  floodedP95Ms: number;
}

export interface FloodPlan {
  idle: number;
  uploads: number;
  addresses: number;
  /** The edge's limit of open files. */
  maxFiles: number;
  hasLimits: boolean;
  visits: number;
  /** While closed connections are opened again, or once the flood has become steady. */
  measureAt: 'attacking' | 'steady';
  /** Processes that attack: each can open as many files as this one. */
  attackers: number;
}

/** A visit that takes longer has failed. */
const VISIT_TIMEOUT_MS = 15_000;

async function measure(port: number, visits: number): Promise<{ failed: number; p95Ms: number }> {
  const times: number[] = [];
  for (let visit = 0; visit < visits; visit += 1) {
    const timeMs = await timed(async () => {
      const { body } = await browse({
        port,
        host: 'bob.test',
        timeoutMs: VISIT_TIMEOUT_MS,
      });
      if (body !== 'fine') throw new Error('another answer');
    }).catch(() => null);
    if (timeMs !== null) times.push(timeMs);
  }
  return { failed: visits - times.length, p95Ms: percentile(times, 0.95) };
}

/** Resolves when the process sends that message. */
function messageOf(child: ChildProcess, expected: string): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === expected) resolve();
    });
  });
}

/** Floods an edge process of its own, and measures what another student's visitors notice. */
export async function floodEdge(plan: FloodPlan): Promise<FloodMeasurement> {
  const service = createServer((_request, response) => response.end('fine')).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const relays = await Promise.all(['alice', 'bob'].map((name) => RelayProcess.start(portOf(service), name)));
  const folder = mkdtempSync(join(tmpdir(), `devenv-flood-${currentRun}-`));
  const socketPath = join(folder, 'edge.sock');
  const port = await freePort();
  const attackers: ChildProcess[] = [];
  try {
    const maxConnections = plan.hasLimits ? connectionsFor(plan.maxFiles) : 1_000_000;
    const config = { socketPath, host: '127.0.0.1', port, build: 'flood', aloneMs: 600_000, maxConnections };
    // As this test's user, who may lower the limit of its own processes only.
    await launchEdge({ ...config, user: null }, `test-${currentRun}-flood`);
    for (const pid of findEdge(socketPath))
      await $`prlimit --pid ${pid} --nofile=${plan.maxFiles}:${plan.maxFiles}`;
    const daemon = await ControlConnection.open(socketPath, systemClock);
    const [alice, bob] = relays.map((relay) => `http://127.0.0.1:${relay.port}`);
    const routes = [
      { hostname: 'alice.test', origin: alice ?? '', direct: null, relayKey: null },
      { hostname: 'bob.test', origin: bob ?? '', direct: null, relayKey: null },
    ];
    await daemon?.connection.request({ kind: 'set-routes', routes });
    const quiet = await measure(port, plan.visits);
    const share = (count: number) => Math.ceil(count / plan.attackers);
    const options: EdgeFloodOptions = {
      port,
      hostname: 'alice.test',
      idle: share(plan.idle),
      uploads: share(plan.uploads),
      addresses: plan.addresses,
    };
    for (let index = 0; index < plan.attackers; index += 1)
      attackers.push(fork(join(root, 'test/support/edge-flood-main.ts'), [JSON.stringify(options)]));
    await Promise.all(attackers.map((attacker) => messageOf(attacker, plan.measureAt)));
    const flooded = await measure(port, plan.visits);
    return {
      visits: plan.visits,
      failed: flooded.failed,
      quietP95Ms: quiet.p95Ms,
      floodedP95Ms: flooded.p95Ms,
    };
  } finally {
    for (const attacker of attackers) attacker.kill('SIGKILL');
    await endEdge(socketPath, null);
    for (const relay of relays) await relay.stop();
    service.closeAllConnections();
    service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
