import { RELAY_PORT } from '../../orchestrator/protocol/constants.ts';

/** Where things are in an environment. Tests use others. */
export interface EnvironmentPaths {
  proc: string;
  /** tmpfs of the student's: what hooks and agent tell each other. */
  run: string;
  socket: string;
  home: string;
  relayPort: number;
}

export const environmentPaths: EnvironmentPaths = {
  proc: '/proc',
  run: '/run/devenv',
  socket: '/run/devenv-host/agent.sock',
  home: '/home/student',
  relayPort: RELAY_PORT,
};
