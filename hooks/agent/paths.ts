/** Where the agent finds things in its environment. */
import {
  HOME_PATH,
  RELAY_PORT,
  RUN_PATH,
  SOCKET_FILE_NAME,
  SOCKET_MOUNT_PATH,
} from '../../orchestrator/protocol/constants.ts';

/** Paths and the relay's port. Tests use others. */
export interface EnvironmentPaths {
  proc: string;
  /** The student's tmpfs, in which hooks and agent exchange files. */
  run: string;
  socket: string;
  home: string;
  relayPort: number;
}

export const environmentPaths: EnvironmentPaths = {
  proc: '/proc',
  run: RUN_PATH,
  socket: `${SOCKET_MOUNT_PATH}/${SOCKET_FILE_NAME}`,
  home: HOME_PATH,
  relayPort: RELAY_PORT,
};
