/** One student's environment without a container: a relay that answers with its identity, and an agent on the student's socket. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EnvironmentSpec } from '../../../orchestrator/environments/types.ts';
import {
  IDENTITY_PATH,
  PROTOCOL_VERSION,
  SOCKET_FILE_NAME,
} from '../../../orchestrator/protocol/constants.ts';
import { linkFingerprint } from '../../../orchestrator/protocol/link-fingerprint.ts';
import type { RelayIdentity, Report, StateMessage } from '../../../orchestrator/protocol/messages.ts';

/** Where a student's server would listen inside. */
const SERVICE_PORT = 5173;
/** How often an agent reports without a change. */
const REPORT_INTERVAL_MS = 2000;

export class FakeEnvironment {
  readonly student: string;
  readonly #relay: Server;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  readonly #onNotice: (kind: string) => void;
  #sessions = 0;
  #isIn = false;
  #shown = 0;

  private constructor(student: string, relay: Server, socket: Socket, onNotice: (kind: string) => void) {
    this.student = student;
    this.#relay = relay;
    this.#socket = socket;
    this.#onNotice = onNotice;
    createInterface({ input: socket }).on('line', (line) => this.#read(line));
    this.#timer = setInterval(() => this.#report(), REPORT_INTERVAL_MS);
    this.#report();
  }

  static async start(
    { student, port, hostname }: EnvironmentSpec,
    folder: string,
    instance: string,
    onNotice: (kind: string) => void,
  ): Promise<FakeEnvironment> {
    const identity: RelayIdentity = {
      fingerprint: linkFingerprint(instance, student, hostname),
      isServing: true,
    };
    const relay = createServer((request, response) => {
      response.writeHead(request.url === IDENTITY_PATH ? 200 : 404).end(JSON.stringify(identity));
    }).listen(port, '127.0.0.1');
    await once(relay, 'listening');
    const socket = connect(join(folder, SOCKET_FILE_NAME));
    await once(socket, 'connect');
    return new FakeEnvironment(student, relay, socket, onNotice);
  }

  #read(line: string): void {
    const unseen = (JSON.parse(line) as StateMessage).notices.filter(({ id }) => id > this.#shown);
    if (unseen.length === 0) return;
    for (const { kind } of unseen) this.#onNotice(kind);
    this.#shown = Math.max(...unseen.map(({ id }) => id));
    this.#report();
  }

  #report(): void {
    const id = `${1000 + this.#sessions}:1`;
    const report: Report = {
      kind: 'report',
      protocol: PROTOCOL_VERSION,
      sessions: this.#isIn ? [{ id, terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' }] : [],
      listeners: [],
      starting: [],
      service: this.#isIn
        ? { port: SERVICE_PORT, address: '127.0.0.1', scheme: 'http', reason: 'newest-web-server' }
        : null,
      lastSessionEnd: this.#isIn || this.#sessions === 0 ? null : { kind: 'exited', ageSeconds: 0 },
      lastShownNoticeId: this.#shown,
    };
    this.#socket.write(`${JSON.stringify(report)}\n`);
  }

  /** The student opens a terminal in which a server listens, or leaves it with `exit`. */
  be(isIn: boolean): void {
    if (isIn && !this.#isIn) this.#sessions += 1;
    this.#isIn = isIn;
    this.#report();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
    this.#relay.close();
    this.#relay.closeAllConnections();
  }
}
