/** Constants that the agent and the orchestrator share. The agent loads this file, so it imports nothing. */
export const PROTOCOL_VERSION = 1;

/** Longest line either side accepts, in bytes. A whole report with every list full stays below it. */
export const MAX_LINE_BYTES = 256 * 1024;

/** The container's port that the relay listens on: above Linux's ephemeral range (32768-60999), so nothing takes it by chance. */
export const RELAY_PORT = 61080;

/** The relay's reserved path: answers with `RelayIdentity`, and never reaches a student's program. */
export const IDENTITY_PATH = '/.well-known/devenv';
