/** The sockets on which agents report: one folder with one socket per environment. */
import { rmSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Report, StateMessage } from '../protocol/messages.ts';
import { AgentSocket } from './agent-socket.ts';

export { Heartbeats } from './heartbeats.ts';

export interface AgentSocketsOptions {
  log: Log;
  clock: Clock;
  onReport(student: string, report: Report): void;
  onConnection(student: string, isConnected: boolean): void;
}

export interface AgentSockets {
  /** Listens for the student's agent in `folder`. Does nothing if it already listens. */
  open(student: string, folder: string): Promise<void>;
  /** Whether the student's agent has a connection and has reported on it. */
  isConnected(student: string): boolean;
  /** Sends whole state to the student's agent, if it is connected. */
  send(student: string, message: StateMessage): void;
  /** Stops listening and removes the folder. */
  close(student: string): Promise<void>;
  /** Stops listening for all students. The folders stay: environments have them mounted. */
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
        clock: options.clock,
        onReport: (report) => options.onReport(student, report),
        onConnection: (isConnected) => options.onConnection(student, isConnected),
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
