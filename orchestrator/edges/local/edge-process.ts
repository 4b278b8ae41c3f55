/**
 * The edge process as the daemon sees it: starts it, or continues with the one that serves already, gives it the routes,
 * and starts another one when it ends or hangs.
 */
import { backoff } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import type { Diagnostic } from '../../domain.ts';
import { DevenvError, type Problem, problemOf, systemCodeOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { edgeBuildId } from './build-id.ts';
import { connectionsFor } from './connection-limits.ts';
import { ControlConnection } from './control-connection.ts';
import type { EdgeConfig } from './control-messages.ts';
import type { EdgeStatus, Hello } from './edge-messages.ts';
import { endEdge, launchEdge, openFilesLimit, uidOfNobody } from './launch.ts';
import type { RouteServer, ServedRoute } from './route-server.ts';

/**
 * How long an edge serves without a daemon. Long enough for a restart or an upgrade; then its links end, because only the
 * daemon notices that students have left.
 */
const ALONE_MS = 15 * 60_000;

/** How often the edge is asked whether it still responds. */
const CHECK_INTERVAL_MS = 10_000;

/** An edge that served for this long is replaced at once when it ends; another one after a pause. */
const STABLE_MS = 60_000;

/** For 100 students with a browser each. */
const ENOUGH_CONNECTIONS = 2000;

export interface EdgeProcessOptions {
  /** The control socket, in the state folder. */
  socketPath: string;
  /** `host:port` as in the settings, for messages. */
  listen: string;
  host: string;
  /** 0 stands for any free port. */
  port: number;
  instance: string;
  log: Log;
  clock: Clock;
  aloneMs?: number;
}

interface Running {
  connection: ControlConnection;
  hello: Hello;
}

export function listenProblem(listen: string, error: unknown): DevenvError {
  const code = systemCodeOf(error);
  const reason = code === 'EADDRINUSE' ? 'another program listens there' : (code ?? problemOf(error).what);
  return new DevenvError(
    {
      code: 'edge',
      what: `The local edge can't listen on ${listen}: ${reason}.`,
      next: 'Choose another address with DEVENV_LISTEN (or `listen` in the settings file), or stop the program that listens there.',
    },
    { cause: error },
  );
}

const endedProblem: Problem = {
  code: 'edge',
  what: 'The local edge has ended, so no link answers.',
  next: 'devenv starts it again automatically. If this stays, `devenv logs` says why.',
  nextForStudent: 'Wait a moment. If it stays this way, tell your instructor.',
};

export class EdgeProcess implements RouteServer {
  readonly #options: EdgeProcessOptions;
  readonly #stopping = new AbortController();
  readonly #build = edgeBuildId();
  #running: Running | null = null;
  #problem: Problem | null = null;
  /** Null until the first snapshot: an edge from before has its routes. */
  #routes: readonly ServedRoute[] | null = null;
  /** The bound port: an edge that is started again uses the same one. */
  #port: number;

  constructor(options: EdgeProcessOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  async start(): Promise<number> {
    this.#attach((await this.#findRunning()) ?? (await this.#launch()));
    return this.#port;
  }

  /** The edge that serves already, unless it has another address or another code. */
  async #findRunning(): Promise<Running | null> {
    const { socketPath, host, port, clock } = this.#options;
    const found = await ControlConnection.open(socketPath, clock);
    if (found === null) return null;
    const { hello } = found;
    if (hello.build === this.#build && hello.host === host && hello.requestedPort === port) return found;
    await endEdge(socketPath, () => found.connection.request({ kind: 'stop' }).catch(() => undefined));
    return null;
  }

  async #launch(): Promise<Running> {
    const { socketPath, listen, host, instance, clock, aloneMs = ALONE_MS } = this.#options;
    // One that hangs, or has lost its socket.
    await endEdge(socketPath, null);
    const config: EdgeConfig = {
      socketPath,
      host,
      port: this.#port,
      build: this.#build,
      user: await uidOfNobody(),
      maxConnections: connectionsFor(openFilesLimit()),
      aloneMs,
    };
    await launchEdge(config, instance).catch((error: unknown) => {
      throw listenProblem(listen, error);
    });
    const running = await ControlConnection.open(socketPath, clock);
    if (running === null) throw new DevenvError(endedProblem);
    return running;
  }

  #attach(running: Running): void {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    this.#running = running;
    this.#problem = null;
    this.#port = running.hello.port;
    if (this.#routes !== null) this.#send(running, this.#routes).catch(() => undefined);
    void this.#watch(running);
    void running.connection.closed.then(() => this.#recover(clock.monotonicMs() - startedMs));
  }

  async #send({ connection }: Running, routes: readonly ServedRoute[]): Promise<readonly string[]> {
    return (await connection.request({ kind: 'set-routes', routes })).hostnames;
  }

  /** Asks the edge now and then: one that hangs does not reply, and its connection is ended. */
  async #watch({ connection }: Running): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#running?.connection === connection && !signal.aborted) {
      await connection.request({ kind: 'status' }).catch(() => undefined);
      await this.#options.clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  /** The edge has ended after `servedMs`: starts another one. */
  async #recover(servedMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    this.#running = null;
    this.#problem = endedProblem;
    log.error('local edge: its process has ended; starting another one');
    for (let attempt = servedMs < STABLE_MS ? 1 : 0; ; attempt += 1) {
      if (attempt > 0) await clock.sleep(backoff(attempt), signal);
      if (signal.aborted) return;
      try {
        this.#attach(await this.#launch());
        log.info('local edge: serves again');
        return;
      } catch (error) {
        this.#problem = problemOf(error);
        log.error({ err: error }, 'local edge: could not be started');
      }
    }
  }

  /** The connected edge. Throws where there is none. */
  #require(): Running {
    if (this.#running === null) throw new DevenvError(this.#problem ?? endedProblem);
    return this.#running;
  }

  async setRoutes(routes: readonly ServedRoute[]): Promise<readonly string[]> {
    this.#routes = routes;
    const running = this.#require();
    return this.#send(running, routes).catch(() => {
      throw new DevenvError(endedProblem);
    });
  }

  #status(): Promise<EdgeStatus> {
    const { connection } = this.#require();
    return connection.request({ kind: 'status' }).catch(() => {
      throw new DevenvError(endedProblem);
    });
  }

  async hostnames(): Promise<readonly string[]> {
    return (await this.#status()).hostnames;
  }

  problem(): Problem | null {
    return this.#problem;
  }

  async diagnose(): Promise<Diagnostic[]> {
    const subject = 'Local edge';
    if (this.#running === null) {
      const { what, next } = this.#problem ?? endedProblem;
      return [{ subject, ok: false, found: what, next }];
    }
    const { host, port, uid, maxConnections } = this.#running.hello;
    const { connections } = await this.#status();
    const found = `listens on ${host}:${port}, ${connections} of at most ${maxConnections} connections`;
    if (maxConnections < ENOUGH_CONNECTIONS)
      return [
        {
          subject,
          ok: false,
          found: `${found}, because its limit of open files is low`,
          next: 'Raise the limit where the orchestrator is started (`ulimit -Hn 20000`; LimitNOFILE=20000 under systemd), then run `devenv down` and `devenv up`.',
        },
      ];
    if (uid !== 0) return [{ subject, ok: true, found: `${found}, as user ${uid}`, next: null }];
    return [
      {
        subject,
        ok: false,
        found: `${found}, with the rights of root`,
        next: 'Start the orchestrator where it may switch to another user (capabilities SETUID and SETGID), then run `devenv down` and `devenv up`.',
      },
    ];
  }

  /** The process continues to serve, so that a restart of the daemon cuts no visitor. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#running?.connection.close();
  }
}

/** Ends the edge process of a state folder, whether a daemon runs or not. Resolves to whether there was one. */
export async function endEdgeProcess(socketPath: string, clock: Clock): Promise<boolean> {
  const found = await ControlConnection.open(socketPath, clock);
  return endEdge(socketPath, async () => {
    await found?.connection.request({ kind: 'stop' }).catch(() => undefined);
  });
}
