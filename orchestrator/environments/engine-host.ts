/** Whether the engine runs on this host: then its folders, devices and the kernel's tables can be checked here. */
import { release, totalmem } from 'node:os';
import type Docker from 'dockerode';

/** What the engine says about its host. */
export interface EngineHost {
  /** Host name. */
  Name: string;
  KernelVersion: string;
  MemTotal: number;
  DockerRootDir: string;
}

export async function engineHost(docker: Docker): Promise<EngineHost> {
  return (await docker.info()) as EngineHost;
}

/**
 * Whether the host is this one. Behind a TCP address may be a proxy on the same host, so kernel and memory are compared;
 * not the name, since a container has another one.
 */
export function isThisHost(
  { KernelVersion, MemTotal }: Pick<EngineHost, 'KernelVersion' | 'MemTotal'>,
  dockerHost = process.env.DOCKER_HOST,
): boolean {
  if (dockerHost === undefined || dockerHost.startsWith('unix://')) return true;
  return KernelVersion === release() && MemTotal === totalmem();
}
