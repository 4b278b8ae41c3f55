/** The sockets on which agents report: one folder and one socket for each environment. */
import { rmSync } from 'node:fs';
import type { Log } from '../log.ts';
import type { Report, StateMessage } from '../protocol/messages.ts';
import { AgentSocket } from './agent-socket.ts';

export interface AgentSocketsOptions {
  log: Log;
  onReport(student: string, report: Report): void;
  onConnection(student: string, connected: boolean): void;
}

export interface AgentSockets {
  /** Listens for that student's agent in `folder`; listening already: does nothing. */
  open(student: string, folder: string): Promise<void>;
  /** Whether that student's agent is there. */
  isConnected(student: string): boolean;
  /** Sends whole state to the agent, if one is there. */
  send(student: string, message: StateMessage): void;
  /** Stops listening and removes the folder. */
  close(student: string): Promise<void>;
  /** Stops listening everywhere; the folders stay, since environments have them mounted. */
  stop(): Promise<void>;
}

export function createAgentSockets(options: AgentSocketsOptions): AgentSockets {
  const sockets = new Map<string, { socket: AgentSocket; folder: string }>();
  return {
    async open(student, folder) {
      if (sockets.has(student)) return;
      const socket = new AgentSocket({
        student,
        folder,
        log: options.log,
        onReport: (report) => options.onReport(student, report),
        onConnection: (connected) => options.onConnection(student, connected),
      });
      sockets.set(student, { socket, folder });
      await socket.open();
    },
    isConnected: (student) => sockets.get(student)?.socket.isConnected ?? false,
    send(student, message) {
      sockets.get(student)?.socket.send(message);
    },
    async close(student) {
      const open = sockets.get(student);
      if (open === undefined) return;
      sockets.delete(student);
      await open.socket.close();
      rmSync(open.folder, { recursive: true, force: true });
    },
    async stop() {
      await Promise.all([...sockets.values()].map(({ socket }) => socket.close()));
      sockets.clear();
    },
  };
}
