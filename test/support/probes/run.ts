/** Runs probes one after the other, with and without the protection, and prints what happened. */
import { table } from '../../../orchestrator/cli/table.ts';
import type { Probe, ProbeResult } from './probe.ts';
import { Scene } from './scene.ts';

/** A probe's result; `failed`: it ended with an error, which is its figures. */
interface Outcome {
  kind: ProbeResult['kind'] | 'failed';
  figures: string;
}

export interface ProbeReport extends Outcome {
  name: string;
  attack: string;
  knownGap: string | null;
  /** The result with the protection switched off; null where there is none to switch off. */
  unprotected: Outcome | null;
  /** Why the outcome is a failure of the test; empty if it is as expected. */
  problems: string[];
}

/** What differs from the expectation: held with the protection, broken without it. */
function problemsOf(probe: Probe, result: Outcome, unprotected: Outcome | null): string[] {
  const problems: string[] = [];
  if (result.kind === 'broken' && probe.knownGap === null) problems.push('the attack succeeded');
  if (result.kind === 'held' && probe.knownGap !== null)
    problems.push('the attack failed: remove `knownGap`');
  if (unprotected?.kind === 'held') problems.push('the attack failed even without the protection');
  if ([result, unprotected].some((each) => each?.kind === 'failed'))
    problems.push('the probe ended with an error');
  return problems;
}

/** Errors are outcomes: the other probes still run, and the table shows all of them. */
async function outcomeOf(attack: () => Promise<ProbeResult>): Promise<Outcome> {
  try {
    return await attack();
  } catch (error) {
    return failure(error);
  }
}

const failure = (error: unknown): Outcome => ({
  kind: 'failed',
  figures: error instanceof Error ? error.message : String(error),
});

function reportOf(probe: Probe, result: Outcome, unprotected: Outcome | null): ProbeReport {
  const { name, attack, knownGap } = probe;
  return { name, attack, knownGap, ...result, unprotected, problems: problemsOf(probe, result, unprotected) };
}

export async function runProbe(probe: Probe, scene: Scene): Promise<ProbeReport> {
  const { run, runUnprotected } = probe;
  const result = await outcomeOf(() => run(scene));
  const unprotected = runUnprotected === null ? null : await outcomeOf(() => runUnprotected(scene));
  return reportOf(probe, result, unprotected);
}

/** Runs the probes in a scene of their own. If there can be none, each of them has failed. */
async function runInNewScene(probes: readonly Probe[]): Promise<ProbeReport[]> {
  if (probes.length === 0) return [];
  try {
    const scene = await Scene.open();
    try {
      return await runInScene(probes, scene);
    } finally {
      await scene.close();
    }
  } catch (error) {
    return probes.map((probe) => reportOf(probe, failure(error), null));
  }
}

async function runInScene(probes: readonly Probe[], scene: Scene): Promise<ProbeReport[]> {
  const reports: ProbeReport[] = [];
  for (const probe of probes) {
    const report = await runProbe(probe, scene);
    process.stderr.write(`${report.problems.length === 0 ? '✓' : '✗'} ${probe.name}: ${report.kind}\n`);
    reports.push(report);
  }
  return reports;
}

/** Those of CI share a scene; each of the others gets its own, since it may leave the scene unusable. */
export async function runProbes(probes: readonly Probe[]): Promise<ProbeReport[]> {
  const reports = await runInNewScene(probes.filter(({ runs }) => runs === 'ci'));
  for (const probe of probes.filter(({ runs }) => runs === 'by-hand'))
    reports.push(...(await runInNewScene([probe])));
  return reports;
}

/** The reports as a table for people. */
export function formatProbes(reports: readonly ProbeReport[]): string {
  const rows = reports.map(({ name, attack, kind, figures, knownGap, unprotected, problems }) => [
    name,
    attack,
    knownGap === null ? kind : `${kind} (known gap)`,
    problems.length === 0 ? figures : `${figures} ✗ ${problems.join('; ')}`,
    unprotected === null ? '' : `${unprotected.kind}: ${unprotected.figures}`,
  ]);
  return table(['probe', 'attack', 'result', 'figures', 'without the protection'], rows);
}
