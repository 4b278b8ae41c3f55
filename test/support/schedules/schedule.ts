/** What a random schedule is made of: who does what, and at which moment between which calls. */
import fc from 'fast-check';
import type { CallPhase } from '../../cloudflare/index.ts';

/** Students of a schedule, by number: `s0` … */
export const STUDENTS = 3;
export const nameOf = (student: number) => `s${student}`;

/** Where somebody else's rule or record stands: beside the class, above it, or on a student's own name. */
export type ForeignHost = { at: 'shop' } | { at: 'wildcard' } | { at: 'student'; student: number };

/** What somebody else does, who knows nothing of us. */
export type ForeignDeed =
  | { kind: 'add rule'; host: ForeignHost; place: number }
  | { kind: 'remove their rule'; which: number }
  | { kind: 'change the rest of the document'; value: number }
  | { kind: 'change our rule'; student: number; how: 'service' | 'originRequest' }
  | { kind: 'remove our rule'; student: number }
  | { kind: 'add record'; host: ForeignHost }
  | { kind: 'remove their record'; which: number }
  | { kind: 'change our record'; student: number; how: 'content' | 'proxied' | 'type' | 'mark' | 'name' }
  | { kind: 'remove our record'; student: number }
  | { kind: 'take our name'; student: number; for: 'rule' | 'record' };

export type Deed =
  /** A student who is there already is left as they are. `port` is one of a few, so that ports are used again. */
  | { kind: 'create'; student: number; port: number; wanted: boolean }
  | { kind: 'want'; student: number; wanted: boolean }
  | { kind: 'release'; student: number }
  | { kind: 'kill'; downMs: number }
  | { kind: 'restart' }
  | { kind: 'reconcile' }
  | { kind: 'foreign'; deed: ForeignDeed };

/** Null: at once. Else when so many calls have come to that phase. */
export type Moment = { calls: number; phase: CallPhase } | null;

export interface Step {
  pauseMs: number;
  moment: Moment;
  deed: Deed;
}

export interface Schedule {
  dns: 'student' | 'session';
  graceMs: number;
  /** Share of calls that fail, and of writes that take effect after they were given up. */
  faults: number;
  late: number;
  /** Of the mock: ids, and which call meets which fault. */
  seed: number;
  steps: Step[];
}

const student = fc.nat(STUDENTS - 1);
const host: fc.Arbitrary<ForeignHost> = fc.oneof(
  fc.constant<ForeignHost>({ at: 'shop' }),
  fc.constant<ForeignHost>({ at: 'wildcard' }),
  student.map((each): ForeignHost => ({ at: 'student', student: each })),
);

const foreignDeed: fc.Arbitrary<ForeignDeed> = fc.oneof(
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
    how: fc.constantFrom('content', 'proxied', 'type', 'mark', 'name'),
  }),
  fc.record({ kind: fc.constant('remove our record'), student }),
  fc.record({ kind: fc.constant('take our name'), student, for: fc.constantFrom('rule', 'record') }),
) as fc.Arbitrary<ForeignDeed>;

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('create'), student, port: fc.nat(5), wanted: fc.boolean() }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('want'), student, wanted: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release'), student }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('foreign'), deed: foreignDeed }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill'), downMs: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reconcile' }) },
) as fc.Arbitrary<Deed>;

const moment: fc.Arbitrary<Moment> = fc.option(
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
  steps: fc.array(fc.record({ pauseMs: fc.constantFrom(0, 20, 70, 150), moment, deed }), {
    minLength: 3,
    size: 'max',
    maxLength: 24,
  }),
});

export function describeDeed(deed: Deed | ForeignDeed): string {
  if (deed.kind === 'foreign') return `somebody else: ${describeDeed(deed.deed)}`;
  const { kind, ...rest } = deed;
  const details = Object.entries(rest).map(([key, value]) =>
    key === 'student' ? nameOf(Number(value)) : `${key} ${JSON.stringify(value)}`,
  );
  return [kind, ...details].join(', ');
}

export function describeSchedule({ steps, ...more }: Schedule): string {
  const lines = steps.map(({ pauseMs, moment: at, deed: what }) => {
    const when = at === null ? '' : ` [${at.phase} call ${at.calls} from then]`;
    return `  after ${pauseMs} ms: ${describeDeed(what)}${when}`;
  });
  return [JSON.stringify(more), ...lines].join('\n');
}
