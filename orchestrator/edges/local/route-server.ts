/** What the local edge needs of the proxy behind it. The daemon's is a process of its own. */
import type { Diagnostic } from '../../domain.ts';
import type { Problem } from '../../errors.ts';

/** A hostname that visitors may open, and where its requests go. */
export interface ServedRoute {
  hostname: string;
  /** The relay as the host reaches it, e.g. `http://127.0.0.1:3001`. */
  origin: string;
  /** The same relay on the engine's network, past the engine's port proxy; null where it can't be dialled. */
  direct: { host: string; port: number } | null;
  /** See `Route`. */
  relayKey: string | null;
}

export interface RouteServer {
  /** Resolves to the port on which visitors are served. Rejects with a DevenvError. */
  start(): Promise<number>;
  /**
   * Replaces all routes; visitors of hostnames that are no longer open are disconnected. Resolves to the hostnames that
   * were open before. Rejects with a DevenvError where the proxy can't be reached; it gets these routes as soon as it can.
   */
  setRoutes(routes: readonly ServedRoute[]): Promise<readonly string[]>;
  /** The hostnames that are open. Rejects with a DevenvError. */
  hostnames(): Promise<readonly string[]>;
  /** Why no visitor is served; null if all is well. */
  problem(): Problem | null;
  /** What `devenv doctor` says about it. */
  diagnose(): Promise<Diagnostic[]>;
  /** Gives up the proxy; visitors of a process of its own stay connected. */
  stop(): Promise<void>;
}
