/** What a random schedule is made of: actions of students, orchestrator and another writer, and between which calls. */
import fc from 'fast-check';
import type { CallPhase } from '../../cloudflare/index.ts';

/** Students of a schedule, by number: `s0` … */
export const STUDENTS = 3;
export const nameOf = (student: number) => `s${student}`;

/** The hostname of another writer's rule or record: unrelated, a wildcard above the class, or a student's own. */
export type ForeignHostname = { at: 'shop' } | { at: 'wildcard' } | { at: 'student'; student: number };

/** What another writer does, which does not know devenv. */
export type ForeignAction =
  | { kind: 'add rule'; host: ForeignHostname; place: number }
  | { kind: 'remove their rule'; which: number }
  | { kind: 'change the rest of the document'; value: number }
  | { kind: 'change our rule'; student: number; how: 'service' | 'originRequest' }
  | { kind: 'remove our rule'; student: number }
  | { kind: 'add record'; host: ForeignHostname }
  | { kind: 'remove their record'; which: number }
  | { kind: 'change our record'; student: number; how: 'content' | 'proxied' | 'type' | 'owner tag' | 'name' }
  | { kind: 'remove our record'; student: number }
  | { kind: 'take our hostname'; student: number; for: 'rule' | 'record' };

export type Action =
  /** Does nothing for a student that exists. `port` is one of a few, so that ports are used again. */
  | { kind: 'create'; student: number; port: number; isDesired: boolean }
  | { kind: 'set desired'; student: number; isDesired: boolean }
  | { kind: 'remove'; student: number }
  | { kind: 'kill'; downMs: number }
  | { kind: 'restart' }
  | { kind: 'reconcile' }
  | { kind: 'foreign'; action: ForeignAction };

/** When an action happens: null for at once, else at the n-th call from now that reaches the phase. */
export type Trigger = { calls: number; phase: CallPhase } | null;

export interface Step {
  pauseMs: number;
  trigger: Trigger;
  action: Action;
}

export interface Schedule {
  dns: 'student' | 'session';
  graceMs: number;
  /** Share of calls that fail, and of writes that are applied after their timeout. */
  faults: number;
  late: number;
  /** Seed of the mock: decides ids, and which call fails in which way. */
  seed: number;
  steps: Step[];
}

const student = fc.nat(STUDENTS - 1);
const host: fc.Arbitrary<ForeignHostname> = fc.oneof(
  fc.constant<ForeignHostname>({ at: 'shop' }),
  fc.constant<ForeignHostname>({ at: 'wildcard' }),
  student.map((each): ForeignHostname => ({ at: 'student', student: each })),
);

const foreignAction: fc.Arbitrary<ForeignAction> = fc.oneof(
  fc.record({ kind: fc.constant('add rule'), host, place: fc.nat(5) }),
  fc.record({ kind: fc.constant('remove their rule'), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('change the rest of the document'), value: fc.nat(99) }),
  fc.record({
    kind: fc.constant('change our rule'),
    student,
    how: fc.constantFrom('service', 'originRequest'),
  }),
  fc.record({ kind: fc.constant('remove our rule'), student }),
  fc.record({ kind: fc.constant('add record'), host }),
  fc.record({ kind: fc.constant('remove their record'), which: fc.nat(5) }),
  fc.record({
    kind: fc.constant('change our record'),
    student,
    how: fc.constantFrom('content', 'proxied', 'type', 'owner tag', 'name'),
  }),
  fc.record({ kind: fc.constant('remove our record'), student }),
  fc.record({ kind: fc.constant('take our hostname'), student, for: fc.constantFrom('rule', 'record') }),
) as fc.Arbitrary<ForeignAction>;

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('create'), student, port: fc.nat(5), isDesired: fc.boolean() }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('set desired'), student, isDesired: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), student }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('foreign'), action: foreignAction }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill'), downMs: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reconcile' }) },
) as fc.Arbitrary<Action>;

const trigger: fc.Arbitrary<Trigger> = fc.option(
  fc.record({
    calls: fc.integer({ min: 1, max: 5 }),
    phase: fc.constantFrom<CallPhase>('before', 'applied', 'answered'),
  }),
  { nil: null, freq: 2 },
);

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  dns: fc.constantFrom('student' as const, 'session' as const),
  graceMs: fc.constantFrom(20, 100),
  faults: fc.constantFrom(0, 0.1, 0.3),
  late: fc.constantFrom(0, 0.2),
  seed: fc.nat(2 ** 31 - 1),
  steps: fc.array(fc.record({ pauseMs: fc.constantFrom(0, 20, 70, 150), trigger, action }), {
    minLength: 3,
    size: 'max',
    maxLength: 24,
  }),
});

export function describeAction(action: Action | ForeignAction): string {
  if (action.kind === 'foreign') return `another writer: ${describeAction(action.action)}`;
  const { kind, ...rest } = action;
  const details = Object.entries(rest).map(([key, value]) =>
    key === 'student' ? nameOf(Number(value)) : `${key} ${JSON.stringify(value)}`,
  );
  return [kind, ...details].join(', ');
}

export function describeSchedule({ steps, ...settings }: Schedule): string {
  const lines = steps.map(({ pauseMs, trigger: at, action: what }) => {
    const when = at === null ? '' : ` [${at.phase} call ${at.calls} from then]`;
    return `  after ${pauseMs} ms: ${describeAction(what)}${when}`;
  });
  return [JSON.stringify(settings), ...lines].join('\n');
}
