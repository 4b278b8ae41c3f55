/** The texts for a student: single lines for the terminal, and what `devenv-status` shows of the link. */
import type { Egress, LinkPhase, LinkReason } from '../domain.ts';
import { type ErrorCode, type Problem, TELL_INSTRUCTOR } from '../errors.ts';
import { HOME_NEARLY_FULL } from '../protocol/constants.ts';
import type { HomeUsage, Listener, Notice, Report } from '../protocol/messages.ts';

/** A notice before it gets its id. */
export type Line = Omit<Notice, 'id'>;

/** An out-of-memory kill by the kernel. */
export interface MemoryKill {
  /** Milliseconds since 1970. */
  at: number;
  limitBytes: number;
  peakBytes: number | null;
}

/** Everything that the texts for a student depend on. */
export interface Situation {
  /** Milliseconds since 1970. */
  now: number;
  url: string;
  phase: LinkPhase;
  live: boolean;
  /** Number of the link's current opening. */
  opening: number;
  reason: LinkReason;
  /** When phase or reason last changed; ms since 1970. */
  since: number;
  /** URLs of the additional links that are live, by port. */
  additionalLinks: ReadonlyMap<number, string>;
  /** Highest number of links, the student's own included. */
  maxLinks: number;
  /** Other students whose links are being opened or closed while this one is opening. */
  othersInProgress: readonly string[];
  problem: Problem | null;
  report: Pick<Report, 'sessions' | 'service' | 'starting' | 'listeners'> | null;
  /** Seconds in which the server of a watched command must listen. */
  startingSeconds: number;
  memoryKill: MemoryKill | null;
  /** Why the environments' network is disconnected; null while it is connected. */
  networkProblem: Problem | null;
  /** What the student reaches. */
  egress: Egress;
  /** Null while its usage is not known. */
  home: HomeUsage | null;
}

/** A start or an opening that takes longer is worth a line. */
const SLOW_START_MS = 10_000;
const SLOW_OPENING_MS = 3000;

/** From this share on, a home counts as full: ext4 keeps the last blocks, and the agent rounds. */
export const HOME_FULL = 0.99;

/** Most other students that a line names. */
const MAX_NAMES_SHOWN = 3;

/** Mentions a listener that is no page for visitors, e.g. a database; null if there is none. */
function noPageText(report: Situation['report']): string | null {
  const listeners = report?.listeners.filter(({ isPublic }) => isPublic) ?? [];
  const other = listeners.find(({ speaks }) => speaks === 'other');
  if (other) return `port ${other.port} listens, but does not speak HTTP`;
  const hidden = listeners.find(({ purpose }) => purpose === 'debugger' || purpose === 'admin');
  return hidden ? `port ${hidden.port} is ${purposeText(hidden)}` : null;
}

/** What a listener is that devenv makes public only if the student chooses its port. */
const purposeText = ({ purpose }: Pick<Listener, 'purpose'>): string =>
  purpose === 'debugger' ? 'a debugger' : 'a database or admin page';

/** The line where nothing but such a listener exists: its student may wait for a link. */
export function notPublicLine(listener: Pick<Listener, 'port' | 'purpose'>): Line {
  const { port, purpose } = listener;
  // A debugger's port is never recommended.
  const next = purpose === 'debugger' ? '' : ` To show it: devenv-port ${port}`;
  return { kind: 'info', text: `Port ${port} is ${purposeText(listener)}, so it is not public.${next}` };
}

/** The line for a link that has just been closed, where the student may not expect it. */
export function closedLine(before: LinkReason | null, situation: Situation): Line | null {
  if (before === situation.reason) return null;
  if (situation.reason === 'closed-by-instructor') {
    const text = 'Your link was closed by your instructor. It opens again when you start a new session.';
    return { kind: 'closed', text };
  }
  if (before === 'starting' && situation.reason === 'no-service') {
    const noPage = noPageText(situation.report);
    const within = `within ${situation.startingSeconds} s`;
    const why = noPage === null ? `Nothing listened ${within}` : `No web server ${within} (${noPage})`;
    return { kind: 'closed', text: `${why}, so your link is closed. Start your server again to open it.` };
  }
  return null;
}

/** Problems that a student reads even if the link is closed, because they keep it closed. */
const KEEPS_CLOSED: ReadonlySet<ErrorCode> = new Set(['conflict', 'rate-limited']);

/**
 * The line for a problem of a desired link. A problem while closing is the instructor's: the environment already
 * refuses visitors.
 */
export function problemLine({ problem, phase, live }: Situation): Line | null {
  if (problem === null || phase === 'closing') return null;
  if (phase === 'closed' && !KEEPS_CLOSED.has(problem.code)) return null;
  const next = problem.nextForStudent ?? problem.next;
  return { kind: 'problem', text: `${effectOf(problem, phase, live)}: ${problem.what} ${next}` };
}

/** What a problem means for the student. */
function effectOf({ code }: Problem, phase: LinkPhase, live: boolean): string {
  if (phase === 'closed') return "Your link can't be opened";
  if (code === 'rate-limited') return 'One of your links is waiting';
  return phase === 'open' && live ? 'Your link may not reach your server any more' : 'Not public yet';
}

/** `512 MB`: in powers of two, written the usual way. */
function megabytes(bytes: number): string {
  const mega = bytes / 2 ** 20;
  return mega >= 1024 ? `${Math.round(mega / 102.4) / 10} GB` : `${Math.round(mega)} MB`;
}

export function memoryLine({ limitBytes, peakBytes }: MemoryKill): Line {
  const peak = peakBytes === null ? '' : `, peak: ${megabytes(peakBytes)}`;
  const text = `One of your programs was killed: out of memory (limit: ${megabytes(limitBytes)}${peak}). Stop what you don't need, then start it again.`;
  return { kind: 'problem', text };
}

/** The line for a home that is nearly full or, with `isFull`, in which nothing can be saved any more. */
export function homeLine(usage: HomeUsage, isFull: boolean): Line {
  const { limitBytes, fullness, isFullOfFiles, isFolder, largest } = usage;
  const what = isFullOfFiles ? 'Your home has too many files' : `Your home (${megabytes(limitBytes)})`;
  const effect = isFolder ? 'programs that write to it are paused' : 'nothing can be saved';
  const state = isFull ? `is full, so ${effect}` : `is ${Math.floor(fullness * 100)} % full`;
  const list = (largest ?? []).map(({ path, bytes }) => `${path} (${megabytes(bytes)})`).join(', ');
  const where = list === '' ? '' : ` Largest: ${list}.`;
  const begin = isFullOfFiles ? `${what}: it ${state}.` : `${what} ${state}.`;
  const then = isFull && isFolder ? ': paused programs then continue in the background' : '';
  return { kind: 'problem', text: `${begin}${where} Delete what you don't need${then}.` };
}

const NO_NETWORK =
  'Your environment has no network, and your link does not answer: the firewall between students is not active.';

/** The line for a network that was disconnected or, with `isOver`, connected again. */
export function networkLine(isOver: boolean): Line {
  if (isOver) return { kind: 'info', text: 'Your environment has its network again.' };
  return { kind: 'problem', text: `${NO_NETWORK} ${TELL_INSTRUCTOR}` };
}

/** The line for a watched command that still runs but does not listen. */
export function slowLine(
  { report, reason, startingSeconds }: Situation,
  startingId: string | null,
): Line | null {
  const running = report?.starting.find(({ id }) => id === startingId);
  if (reason !== 'starting' || running === undefined || report?.service) return null;
  if (running.ageSeconds * 1000 < SLOW_START_MS || running.ageSeconds >= startingSeconds) return null;
  const found = noPageText(report) ?? 'nothing listens yet';
  return { kind: 'waiting', text: `Still starting: ${found}. Visitors see a waiting page until then.` };
}

/** The line for a link that takes long to open. */
export function waitingLine({ now, since, phase, othersInProgress, report }: Situation): Line | null {
  if (phase !== 'opening' || report?.service === null || now - since < SLOW_OPENING_MS) return null;
  return { kind: 'waiting', text: openingText(othersInProgress) };
}

function openingText(others: readonly string[]): string {
  if (others.length === 0) return 'Opening your link…';
  const hidden = others.length - MAX_NAMES_SHOWN;
  const shown = others.slice(0, MAX_NAMES_SHOWN).join(', ');
  return `Opening your link… (in progress with ${shown}${hidden > 0 ? ` and ${hidden} more` : ''})`;
}

/** Why the link is open or closed, for the waiting page and `devenv-status`. */
export function detailOf(reason: LinkReason): string {
  switch (reason) {
    case 'starting':
      return 'a server is starting';
    case 'serving':
      return 'a server was started in this session';
    case 'grace':
      return 'the terminal was lost; the link stays open for a while in case it returns';
    case 'instructor':
      return 'opened by the instructor';
    case 'no-session':
      return 'no terminal is open';
    case 'no-service':
      return 'no server has been started';
    case 'closed-by-instructor':
      return 'closed by the instructor';
    case 'rate-limited':
      return 'it was opened and closed too often; it opens again automatically';
    case 'agent-silent':
      return 'the environment does not respond';
    case 'stopped':
      return 'the environment is stopped';
  }
}

/** Additional lines for `devenv-status`. */
export function notesOf(situation: Situation): string[] {
  const { phase, problem, othersInProgress, memoryKill, networkProblem } = situation;
  const notes: string[] = [];
  if (situation.egress === 'none')
    notes.push('Your instructor has switched off the internet here. Your link still works.');
  if (networkProblem !== null) notes.push(networkLine(false).text);
  if (problem !== null && phase === 'closing')
    notes.push('Visitors can no longer use your link. The rest of it is removed automatically.');
  else if (problem !== null) notes.push(`${problem.what} ${problem.nextForStudent ?? problem.next}`);
  const { home } = situation;
  if (home !== null && home.fullness >= HOME_NEARLY_FULL)
    notes.push(homeLine(home, home.fullness >= HOME_FULL).text);
  if (phase === 'opening') notes.push(openingText(othersInProgress));
  if (memoryKill !== null) {
    // With its date: the note outlives a restart of the environment.
    const time = new Date(memoryKill.at).toISOString().slice(0, 16).replace('T', ' ');
    notes.push(`${time} UTC: ${memoryLine(memoryKill).text}`);
  }
  return notes;
}
