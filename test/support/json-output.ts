/** The shape of every `--json` output, as docs/cli-json.md documents it. Compiles only if it agrees with the code's types. */
import { type Static, type TSchema, Type } from 'typebox';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { Diagnostic, Drift, LogLine } from '../../orchestrator/domain.ts';
import type { ErrorCode, Problem } from '../../orchestrator/errors.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';

const closed = { additionalProperties: false } as const;
const Text = Type.String();
const Count = Type.Number();
const OneOf = <const Words extends string[]>(...words: Words) =>
  Type.Unsafe<Words[number]>(Type.Union(words.map((word) => Type.Literal(word))));
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** Objects with a title are documented once, in the section of that title. */
const problem = Type.Object(
  {
    code: Type.Unsafe<ErrorCode>(Text),
    what: Text,
    next: Text,
    nextForStudent: Type.Optional(Text),
    until: Type.Optional(Text),
  },
  { ...closed, title: 'problem' },
);

export const student = Type.Object(
  {
    name: Text,
    hostname: Text,
    url: Text,
    port: Count,
    createdAt: Text,
    environment: Type.Object(
      { state: OneOf('running', 'stopped', 'missing'), problem: OrNull(problem), outdated: Type.Boolean() },
      closed,
    ),
    home: OrNull(Type.Object({ usedBytes: Count, limitBytes: Count }, closed)),
    egress: OneOf('internet', 'none'),
    agent: Type.Object(
      { state: OneOf('connected', 'silent', 'disconnected'), lastReportSecondsAgo: OrNull(Count) },
      closed,
    ),
    link: Type.Object(
      {
        phase: OneOf('closed', 'opening', 'open', 'closing'),
        live: Type.Boolean(),
        reason: OneOf(
          'starting',
          'serving',
          'grace',
          'instructor',
          'no-session',
          'no-service',
          'closed-by-instructor',
          'rate-limited',
          'agent-silent',
          'stopped',
        ),
        since: Text,
        problem: OrNull(problem),
      },
      closed,
    ),
    sessions: Type.Array(
      Type.Object(
        { id: Text, terminal: Text, ageSeconds: Count, portVariable: OneOf('ok', 'unset', 'changed') },
        closed,
      ),
    ),
    service: OrNull(
      Type.Object(
        {
          port: Count,
          address: Text,
          scheme: OneOf('http', 'https'),
          reason: OneOf(
            'chosen',
            'port-variable',
            'watched-command',
            'only-web-server',
            'first-web-server',
            'newest-web-server',
          ),
        },
        closed,
      ),
    ),
    additionalLinks: Type.Array(Type.Object({ port: Count, url: Text, live: Type.Boolean() }, closed)),
    otherPorts: Type.Array(Count),
    orchestrator: Type.Object({ problem: OrNull(problem) }, closed),
  },
  closed,
);

export const removal = Type.Object(
  { removed: Text, keptHome: Type.Boolean(), warnings: Type.Array(Text) },
  closed,
);

export const logLine = Type.Object(
  {
    at: Text,
    level: OneOf('debug', 'info', 'warn', 'error'),
    student: OrNull(Text),
    text: Text,
  },
  closed,
);

export const drift = Type.Object(
  { hostname: Text, student: OrNull(Text), found: Text, action: OrNull(Text), failed: OrNull(problem) },
  closed,
);

export const diagnostic = Type.Object(
  { subject: Text, ok: Type.Boolean(), found: Text, next: OrNull(Text) },
  closed,
);

export const daemon = Type.Object(
  {
    version: Text,
    pid: Count,
    instance: Text,
    stateDir: Text,
    edge: OneOf('local', 'cloudflare'),
    listen: OrNull(Text),
    startedAt: Text,
    students: Count,
    problem: Type.Union([problem, Type.Null()]),
  },
  closed,
);

export const egressPolicy = Type.Object(
  { everyone: OneOf('internet', 'none'), exceptions: Type.Record(Text, OneOf('internet', 'none')) },
  closed,
);

export const update = Type.Object(
  { name: Text, base: Text, builtAt: Text, outdated: Type.Array(Text) },
  closed,
);

export const stopped = Type.Object({ stopped: Type.Boolean() }, closed);
export const sshConfig = Type.Object({ host: Text, options: Type.Record(Text, Text) }, closed);
export const completion = Type.Object({ shell: Text, script: Text }, closed);
export const failure = Type.Object({ error: problem }, closed);

/** `true` only if both types are identical. Mutual assignability would miss optional fields. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** A compile error here: the code's type and the schema above differ. Change the schema and docs/cli-json.md. @public */
export const agreesWithCode: [
  Same<Static<typeof problem>, Pick<Problem, keyof Problem>>,
  Same<Static<typeof student>, Pick<StudentView, keyof StudentView>>,
  Same<Static<typeof logLine>, Pick<LogLine, keyof LogLine>>,
  Same<Static<typeof drift>, Pick<Drift, keyof Drift>>,
  Same<Static<typeof diagnostic>, Pick<Diagnostic, keyof Diagnostic>>,
  Same<Static<typeof daemon>, Pick<DaemonView, keyof DaemonView>>,
] = [true, true, true, true, true, true];
