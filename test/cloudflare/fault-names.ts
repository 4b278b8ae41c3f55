/** The names of faults on the command line, such as `timeout-applied`. */
import { ALL_FAULTS, type FaultSpec } from './fault-spec.ts';

function nameOf(fault: FaultSpec): string {
  if ('applied' in fault && fault.applied === true) return `${fault.kind}-applied`;
  return 'bare' in fault && fault.bare === true ? `${fault.kind}-bare` : fault.kind;
}

const FAULTS_BY_NAME: ReadonlyMap<string, FaultSpec> = new Map(
  ALL_FAULTS.map((fault) => [nameOf(fault), fault]),
);

/** All names, and `any` for all faults. */
export const FAULT_NAMES: readonly string[] = ['any', ...FAULTS_BY_NAME.keys()];

/** The faults with these names, which must be known; null for an empty list. */
export function parseFaults(names: readonly string[]): readonly [FaultSpec, ...FaultSpec[]] | null {
  if (names.includes('any')) return ALL_FAULTS;
  const [first, ...others] = names.flatMap((name) => FAULTS_BY_NAME.get(name) ?? []);
  return first === undefined ? null : [first, ...others];
}
