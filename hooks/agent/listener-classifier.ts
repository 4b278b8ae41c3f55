/** Probes each listener and remembers what it is, for as long as it listens. */
import type { Listener } from '../../orchestrator/protocol/messages.ts';
import type { DebuggerSign } from './debugger-signs.ts';
import { probeProtocol } from './protocol-probe.ts';

/** Pauses between probes: a dev server may listen long before it answers. After the last one, a silent port is left alone. */
const RETRY_DELAYS_MS = [1000, 2000, 4000, 8000, 16_000, 30_000];
/** A student may have a thousand listeners. */
const MAX_CONCURRENT_PROBES = 16;

/** Whether a listener is a debugger; null while that is unknown. */
export type Classification = Pick<Listener, 'speaks'> & { isDebugger: boolean | null };

export interface ClassifiedListener {
  /** Distinguishes it from a later listener on the same port. */
  id: string;
  address: string;
  port: number;
  /** Reads the signs of a debugger; called before each probe. */
  debuggerSign(): DebuggerSign;
  /** What it speaks, if its command line says so: then it is not probed. */
  knownProtocol?(): 'http' | 'https' | null;
}

interface State extends Classification {
  attempts: number;
  isInFlight: boolean;
  nextAttemptAtMs: number;
}

const initialState: State = {
  speaks: null,
  isDebugger: null,
  attempts: 0,
  isInFlight: false,
  nextAttemptAtMs: 0,
};

/** The result of one probe. `isLast`: a port that stays silent is no debugger: those answer from a thread of their own. */
async function probe(
  { address, port }: ClassifiedListener,
  sign: DebuggerSign,
  isLast: boolean,
): Promise<Classification> {
  const answer = await probeProtocol(address, port);
  if (answer === 'debugger') return { speaks: null, isDebugger: true };
  if (sign !== 'possible') return { speaks: answer, isDebugger: false };
  if (answer === 'http') {
    // Loaded only if a port may be a debugger's: an idle agent must stay small.
    const { probeInspector } = await import('./inspector-probe.ts');
    const isDebugger = await probeInspector(address, port);
    if (isDebugger !== null) return { speaks: isDebugger ? null : answer, isDebugger };
    return { speaks: isLast ? answer : null, isDebugger: isLast ? false : null };
  }
  return { speaks: answer, isDebugger: answer !== null || isLast ? false : null };
}

export class ListenerClassifier {
  readonly #states = new Map<string, State>();
  readonly #onFound: () => void;
  #inFlight = 0;

  /** `onFound` is called when a probe has found something. */
  constructor(onFound: () => void) {
    this.#onFound = onFound;
  }

  /** What is known about the listener. Starts a probe if one is due. */
  classify(listener: ClassifiedListener): Classification {
    const state = this.#states.get(listener.id) ?? { ...initialState };
    this.#states.set(listener.id, state);
    const isDue =
      state.isDebugger !== true &&
      state.speaks === null &&
      !state.isInFlight &&
      state.attempts <= RETRY_DELAYS_MS.length &&
      performance.now() >= state.nextAttemptAtMs;
    if (!isDue) return state;
    const sign = listener.debuggerSign();
    const known = sign === 'none' ? (listener.knownProtocol?.() ?? null) : null;
    if (sign === 'certain') state.isDebugger = true;
    else if (known !== null) Object.assign(state, { speaks: known, isDebugger: false });
    else if (this.#inFlight < MAX_CONCURRENT_PROBES) void this.#probe(state, listener, sign);
    return state;
  }

  async #probe(state: State, listener: ClassifiedListener, sign: DebuggerSign): Promise<void> {
    state.isInFlight = true;
    this.#inFlight += 1;
    const isLast = state.attempts >= RETRY_DELAYS_MS.length;
    const before = state.isDebugger;
    Object.assign(state, await probe(listener, sign, isLast));
    this.#inFlight -= 1;
    state.isInFlight = false;
    state.nextAttemptAtMs = performance.now() + (RETRY_DELAYS_MS[state.attempts] ?? 0);
    state.attempts += 1;
    if (state.speaks !== null || state.isDebugger !== before) this.#onFound();
  }

  /** Forgets the listeners that are not in the set. */
  retainOnly(listenerIds: ReadonlySet<string>): void {
    for (const id of this.#states.keys()) if (!listenerIds.has(id)) this.#states.delete(id);
  }
}
