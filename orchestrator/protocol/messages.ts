/**
 * What passes over an environment's socket: one JSON object a line, both ways. Reports are whole state, never
 * deeds, so a lost message or a restart of either side needs no replay. The agent imports only the types.
 * Everything from a container is hostile: the schemas bound every length, and `MAX_LINE` bounds a line.
 */
import { type Static, Type } from 'typebox';
import type { LinkPhase } from '../domain.ts';
import { PROTOCOL_VERSION } from './constants.ts';

const closed = { additionalProperties: false } as const;
const Text = (maxLength: number) => Type.String({ maxLength });
const Port = Type.Integer({ minimum: 1, maximum: 65535 });
const Seconds = Type.Number({ minimum: 0, maximum: 1e12 });

/** A process that is told apart from a later one with the same pid: `pid:starttime` (field 22 of /proc/PID/stat). */
const ProcessId = Type.String({ pattern: '^[0-9]{1,10}:[0-9]{1,20}$' });

/** What the shell's own PORT variable says; anything but `ok` keeps what that shell starts private. */
const PortVariable = Type.Union([Type.Literal('ok'), Type.Literal('unset'), Type.Literal('changed')]);
export type PortVariable = Static<typeof PortVariable>;

/** One terminal that a person holds. */
export const Session = Type.Object(
  {
    id: ProcessId,
    terminal: Text(64),
    ageSeconds: Seconds,
    port: PortVariable,
  },
  closed,
);
export type Session = Static<typeof Session>;

/** A server that listens inside the environment, the agent's own excepted. */
export const Listener = Type.Object(
  {
    port: Port,
    addresses: Type.Array(Text(64), { maxItems: 8 }),
    process: Type.Union([ProcessId, Type.Null()]),
    command: Text(200),
    /** Whether it answered HTTP or HTTPS; null while unknown. */
    speaks: Type.Union([Type.Literal('http'), Type.Literal('https'), Type.Literal('other'), Type.Null()]),
    /** False where the shell that started it has no valid PORT. */
    public: Type.Boolean(),
  },
  closed,
);
export type Listener = Static<typeof Listener>;

/** A watched command that was typed and may be about to listen. `id` differs for each time it is typed. */
export const Starting = Type.Object({ id: Text(64), command: Text(200), ageSeconds: Seconds }, closed);
export type Starting = Static<typeof Starting>;

/** The listener that the relay leads to, and why that one. */
export const Service = Type.Object(
  {
    port: Port,
    address: Text(64),
    scheme: Type.Union([Type.Literal('http'), Type.Literal('https')]),
    because: Type.Union([
      Type.Literal('chosen'), // by `devenv-port`
      Type.Literal('PORT'), // it listens on $PORT
      Type.Literal('command'), // it descends from the watched command
      Type.Literal('answers'), // it answers HTTP
      Type.Literal('newest'),
    ]),
  },
  closed,
);
export type Service = Static<typeof Service>;

/** How the last session ended: `left` (exit, Ctrl-D) closes at once, `lost` (all else) after the grace. */
const SessionEnd = Type.Object(
  {
    how: Type.Union([Type.Literal('left'), Type.Literal('lost')]),
    ageSeconds: Seconds,
  },
  closed,
);
export type SessionEnd = Static<typeof SessionEnd>;

/** Agent to orchestrator: all that is so inside the environment, every 2 s and at every change. */
export const Report = Type.Object(
  {
    kind: Type.Literal('report'),
    protocol: Type.Literal(PROTOCOL_VERSION),
    sessions: Type.Array(Session, { maxItems: 64 }),
    listeners: Type.Array(Listener, { maxItems: 64 }),
    starting: Type.Array(Starting, { maxItems: 16 }),
    service: Type.Union([Service, Type.Null()]),
    lastEnd: Type.Union([SessionEnd, Type.Null()]),
    /** The highest notice id that has been put before the student, or queued for the next prompt. */
    noticesShown: Type.Integer({ minimum: 0 }),
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

/** Orchestrator to agent: all that the agent needs to know, at connection and at every change. */
export interface StateMessage {
  kind: 'state';
  protocol: typeof PROTOCOL_VERSION;
  instance: string;
  student: string;
  hostname: string;
  /** The public link, with scheme, and port where it is not the scheme's own. */
  url: string;
  port: number;
  /** Further links, each for one port. */
  links: { port: number; hostname: string; url: string }[];
  /** Command patterns that announce a server, as written in the settings. */
  watch: string[];
  /** Programs besides sshd whose terminals count as sessions, as written in the settings. */
  sessionHolders: string[];
  route: { phase: LinkPhase; detail: string };
  /** What `devenv-status` tells besides: a problem, a wait, the last kill for memory; each with what to do. */
  notes: string[];
  /** Those that the agent has not yet reported as shown, oldest first. */
  notices: Notice[];
}

/** What the relay answers on `IDENTITY_PATH`, as JSON, with `cache-control: no-store`. Any visitor may ask. */
export interface RelayIdentity {
  /** The fingerprint of the link that was asked for: see orchestrator/protocol/link-fingerprint.ts. */
  link: string;
  /** Whether a visitor gets to a service now. */
  listens: boolean;
}
