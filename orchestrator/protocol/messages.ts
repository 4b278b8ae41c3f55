/**
 * Messages on an environment's socket: one JSON object per line, in both directions. Each message is whole state, never
 * a delta, so a lost message or a restart of either side needs no replay. The agent imports only the types.
 * Data from a container is hostile: the schemas bound every length, and `MAX_LINE_BYTES` bounds a line. Only command
 * lines are free text: `cleanReport` makes them printable.
 */
import { type Static, Type } from 'typebox';
import type { LinkPhase } from '../domain.ts';
import { PROTOCOL_VERSION } from './constants.ts';

const closed = { additionalProperties: false } as const;
const Text = (maxLength: number) => Type.String({ maxLength });
const Port = Type.Integer({ minimum: 1, maximum: 65535 });
const Seconds = Type.Number({ minimum: 0, maximum: 1e12 });

/** `pid:starttime` (field 22 of /proc/PID/stat): distinguishes a process from a later one with the same pid. */
const ProcessId = Type.String({ pattern: '^[0-9]{1,10}:[0-9]{1,20}$' });

/** The file of a pseudo-terminal. */
const Terminal = Type.String({ pattern: '^/dev/pts/[0-9]{1,7}$' });

/** An IPv4 or IPv6 address without a zone. */
const Address = Type.String({ pattern: '^[0-9a-fA-F:.]{2,45}$' });

/** Distinguishes commands; only the agent knows its parts. */
const CommandId = Type.String({ pattern: '^[!-~]{1,64}$' });

/** State of the shell's PORT variable. With any value but `ok`, servers started in that shell are private. */
const PortVariable = Type.Union([Type.Literal('ok'), Type.Literal('unset'), Type.Literal('changed')]);
export type PortVariable = Static<typeof PortVariable>;

/** One terminal that a person has open in the environment. */
export const Session = Type.Object(
  {
    id: ProcessId,
    terminal: Terminal,
    ageSeconds: Seconds,
    portVariable: PortVariable,
  },
  closed,
);
export type Session = Static<typeof Session>;

/** A server that listens inside the environment. The agent's own sockets are excluded. */
export const Listener = Type.Object(
  {
    port: Port,
    addresses: Type.Array(Address, { maxItems: 8 }),
    process: Type.Union([ProcessId, Type.Null()]),
    command: Text(200),
    /** The protocol that it answered with; null while unknown. */
    speaks: Type.Union([Type.Literal('http'), Type.Literal('https'), Type.Literal('other'), Type.Null()]),
    /** A page for visitors, a database or admin page, or a debugger; null while it may still be a debugger. */
    purpose: Type.Union([Type.Literal('page'), Type.Literal('admin'), Type.Literal('debugger'), Type.Null()]),
    /** False if it was started in a shell without a valid PORT. */
    isPublic: Type.Boolean(),
  },
  closed,
);
export type Listener = Static<typeof Listener>;

/** A watched command that was typed and may soon listen. `id` differs each time the student types it. */
export const StartingCommand = Type.Object(
  { id: CommandId, command: Text(200), ageSeconds: Seconds },
  closed,
);
export type StartingCommand = Static<typeof StartingCommand>;

/** The listener to which the relay forwards, and why the agent selected it. */
export const Service = Type.Object(
  {
    port: Port,
    address: Address,
    scheme: Type.Union([Type.Literal('http'), Type.Literal('https')]),
    reason: Type.Union([
      Type.Literal('chosen'), // with `devenv-port`
      Type.Literal('port-variable'), // it listens on $PORT
      Type.Literal('watched-command'), // it descends from a watched command
      Type.Literal('only-web-server'),
      Type.Literal('first-web-server'), // it was shown before the others
      Type.Literal('newest-web-server'),
    ]),
  },
  closed,
);
export type Service = Static<typeof Service>;

/** How the last session ended: `exited` (exit, Ctrl-D) closes the link at once, `lost` (anything else) after the grace period. */
const SessionEnd = Type.Object(
  {
    kind: Type.Union([Type.Literal('exited'), Type.Literal('lost')]),
    ageSeconds: Seconds,
  },
  closed,
);
export type SessionEnd = Static<typeof SessionEnd>;

const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** How full the home is. The student controls it, so nothing but texts may depend on it. */
export const HomeUsage = Type.Object(
  {
    usedBytes: Bytes,
    limitBytes: Bytes,
    /** Used share of the bytes or of the number of files, whichever is higher. */
    fullness: Type.Number({ minimum: 0, maximum: 1 }),
    /** Whether the number of files is what fills it. */
    isFullOfFiles: Type.Boolean(),
    /** Whether it is a folder, in which the agent pauses programs that write above the limit. Left out if it is not. */
    isFolder: Type.Optional(Type.Boolean()),
    /** The largest files and folders of a home that is nearly full, by path below it; null while they are not known. */
    largest: Type.Union([
      Type.Array(Type.Object({ path: Text(200), bytes: Bytes }, closed), { maxItems: 3 }),
      Type.Null(),
    ]),
  },
  closed,
);
export type HomeUsage = Static<typeof HomeUsage>;

/** Agent to orchestrator: the observed state of the environment, every `REPORT_INTERVAL_MS` and at every change. */
export const Report = Type.Object(
  {
    kind: Type.Literal('report'),
    protocol: Type.Literal(PROTOCOL_VERSION),
    sessions: Type.Array(Session, { maxItems: 64 }),
    listeners: Type.Array(Listener, { maxItems: 64 }),
    starting: Type.Array(StartingCommand, { maxItems: 16 }),
    service: Type.Union([Service, Type.Null()]),
    lastSessionEnd: Type.Union([SessionEnd, Type.Null()]),
    /** Null if it is not known. Agents of images before this field leave it out. */
    home: Type.Optional(Type.Union([HomeUsage, Type.Null()])),
    /** The highest notice id that was shown to the student, or queued for the next prompt. */
    lastShownNoticeId: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type Report = Static<typeof Report>;

/** One line for the student's terminals. Ids rise for the whole life of the student; each is shown once. */
export interface Notice {
  id: number;
  kind: 'live' | 'waiting' | 'closed' | 'problem' | 'info';
  text: string;
}

/** Orchestrator to agent: everything the agent needs, when it connects and at every change. */
export interface StateMessage {
  kind: 'state';
  protocol: typeof PROTOCOL_VERSION;
  instance: string;
  student: string;
  hostname: string;
  /** The public link with its scheme, and with its port unless that is the scheme's default. */
  url: string;
  port: number;
  /** Links for further ports of the same student. */
  additionalLinks: { port: number; hostname: string; url: string }[];
  /** Command patterns that announce a server, as written in the settings. */
  watchedCommands: string[];
  /** Programs besides sshd whose terminals count as sessions, as written in the settings. */
  sessionHolders: string[];
  /** The limit of a home that is a folder without one. */
  homeLimitBytes?: number;
  link: { phase: LinkPhase; detail: string };
  /** Additional lines for `devenv-status`: a problem, a wait, the last out-of-memory kill; each says what to do. */
  notes: string[];
  /** The notices that the agent has not yet reported as shown, oldest first. */
  notices: Notice[];
}

/** The relay's answer on `IDENTITY_PATH`, as JSON with `cache-control: no-store`. Any visitor may ask. */
export interface RelayIdentity {
  /** The fingerprint of the link under which the request came: see `link-fingerprint.ts`. */
  fingerprint: string;
  /** Whether a visitor reaches a service now. */
  isServing: boolean;
}
