/** Where things are in an environment. Tests use others. */
export interface Places {
  proc: string;
  /** tmpfs of the student's: what hooks and agent tell each other. */
  run: string;
  socket: string;
  home: string;
  relayPort: number;
}

export const places: Places = {
  proc: '/proc',
  run: '/run/devenv',
  socket: '/run/devenv-host/agent.sock',
  home: '/home/student',
  // Above Linux's ephemeral range, so nothing takes it by chance; the orchestrator publishes this very port.
  relayPort: 61080,
};
