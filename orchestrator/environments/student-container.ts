/** One student's container: created, started, stopped and removed. */
import type Docker from 'dockerode';
import { explainEngineError, isStatus } from './engine-errors.ts';
import { execInContainer } from './exec-in-container.ts';

/** How long a container may take to stop before it is killed. */
const STOP_TIMEOUT_SECONDS = 3;

/** The container's details; null if there is none. */
export async function inspectContainer(
  container: Docker.Container,
): Promise<Docker.ContainerInspectInfo | null> {
  try {
    return await container.inspect();
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

/** The container's address in a network; null where it does not run or is not connected to it. */
export async function addressIn(network: string, container: Docker.Container): Promise<string | null> {
  const state = await inspectContainer(container);
  const address = state?.NetworkSettings.Networks[network]?.IPAddress;
  return state?.State.Running && address ? address : null;
}

/** Stops the container; does nothing if it is stopped or missing. */
export async function stopContainer(container: Docker.Container, student: string): Promise<void> {
  try {
    await container.stop({ t: STOP_TIMEOUT_SECONDS });
  } catch (error) {
    // 304: stopped already.
    if (!isStatus(error, 304, 404)) throw explainEngineError(error, `stop ${student}'s environment`);
  }
}

/** Removes the container, running or not; does nothing if it is missing. The home stays. */
export async function removeContainer(container: Docker.Container, student: string): Promise<void> {
  try {
    await container.remove({ force: true, v: false });
  } catch (error) {
    // 409: another process is removing it.
    if (!isStatus(error, 404, 409)) throw explainEngineError(error, `remove ${student}'s environment`);
  }
}

/** Kills the agent; process 1 starts it again. */
export async function killAgent(container: Docker.Container): Promise<void> {
  // -f: matches the command line. If a student's program has the same one, it is killed too.
  await execInContainer(container, ['pkill', '-KILL', '-f', '/usr/lib/devenv/hooks/agent/main.js']);
}
