/** Constants that the agent and the orchestrator share. The agent loads this file at run time, so it imports nothing. */

/** Increases with every change of `messages.ts`. Both sides refuse a message of another version. */
export const PROTOCOL_VERSION = 2;

/** Longest line that either side accepts. A report with every list full stays below it. */
export const MAX_LINE_BYTES = 256 * 1024;

/** The agent repeats its report this often, even if nothing changed: each report is a heartbeat. */
export const REPORT_INTERVAL_MS = 2000;

/** The orchestrator repeats its state after the next report this long after the last one, so that agents notice when it hangs. */
export const STATE_INTERVAL_MS = 10_000;

/** The socket on which the orchestrator listens, inside the folder that is mounted into the environment. */
export const SOCKET_FILE_NAME = 'agent.sock';

/** Where that folder is mounted, read-only. */
export const SOCKET_MOUNT_PATH = '/run/devenv-host';

/** The student's tmpfs in which hooks and agent exchange files. */
export const RUN_PATH = '/run/devenv';

/** The student's home, a volume. */
export const HOME_PATH = '/home/student';

/** From this share on, a home counts as nearly full: its student is told, with the largest folders. */
export const HOME_NEARLY_FULL = 0.9;

/** The port of the container on which the relay listens: above Linux's ephemeral range (32768-60999), so no program gets it by chance. */
export const RELAY_PORT = 61080;

/** The relay's reserved path. It answers with `RelayIdentity`; such a request never reaches a student's program. */
export const IDENTITY_PATH = '/.well-known/devenv';
