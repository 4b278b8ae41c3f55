/**
 * Repairs the port of an environment on the host. The engine's port proxy (docker-proxy, one process for each port)
 * exits when it runs out of files, and the engine starts no other one while the container runs.
 */
import { connect } from 'node:net';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import { RELAY_PORT } from '../protocol/constants.ts';
import { inspectContainer } from './student-container.ts';

const CONNECT_TIMEOUT_MS = 2000;

/** Attempts to connect the container to its network again, and the pause between two. */
const CONNECT_ATTEMPTS = 5;
const CONNECT_PAUSE_MS = 1000;

/** Opens a connection and closes it again. */
function tryConnection(host: string, port: number): Promise<'connected' | 'refused' | 'failed'> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (result: 'connected' | 'refused' | 'failed') => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end('connected'));
    socket.once('timeout', () => end('failed'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? 'refused' : 'failed'),
    );
  });
}

export interface PortRepairOptions {
  docker: Docker;
  container: Docker.Container;
  /** Name of the students' network. */
  network: string;
  /** The port on the host's loopback. */
  port: number;
  clock: Clock;
}

/**
 * Where the port refuses connections although the relay accepts them at the container's address, disconnects the
 * container from its network and connects it again: the engine then starts another proxy. Programs keep running (0.3 s
 * on engine 20.10). Resolves to whether it did; rejects where the engine could not.
 */
export async function repairPort(options: PortRepairOptions): Promise<boolean> {
  const { docker, container, clock } = options;
  if ((await tryConnection('127.0.0.1', options.port)) !== 'refused') return false;
  const state = await inspectContainer(container);
  const address = state?.NetworkSettings.Networks[options.network]?.IPAddress;
  if (!state?.State.Running || !address) return false;
  if ((await tryConnection(address, RELAY_PORT)) !== 'connected') return false;
  const network = docker.getNetwork(options.network);
  await network.disconnect({ Container: state.Id });
  // Not abortable: a container that stays disconnected would be worse than the dead port.
  for (let attempt = 1; ; attempt += 1) {
    try {
      await network.connect({ Container: state.Id });
      return true;
    } catch (error) {
      if (attempt === CONNECT_ATTEMPTS) throw error;
      await clock.sleep(CONNECT_PAUSE_MS);
    }
  }
}
