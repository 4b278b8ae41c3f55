/** Faults as words for the command line. */
import { ALL_FAULTS, type FaultSpec } from './faults.ts';

function wordOf(fault: FaultSpec): string {
  if ('applied' in fault && fault.applied === true) return `${fault.kind}-applied`;
  return 'bare' in fault && fault.bare === true ? `${fault.kind}-bare` : fault.kind;
}

const BY_WORD: ReadonlyMap<string, FaultSpec> = new Map(ALL_FAULTS.map((fault) => [wordOf(fault), fault]));

export const FAULT_NAMES: readonly string[] = ['any', ...BY_WORD.keys()];

/** The faults that the words mean, each a known one; null for none. */
export function parseFaults(words: readonly string[]): readonly [FaultSpec, ...FaultSpec[]] | null {
  if (words.includes('any')) return ALL_FAULTS;
  const [first, ...others] = words.flatMap((word) => BY_WORD.get(word) ?? []);
  return first === undefined ? null : [first, ...others];
}
