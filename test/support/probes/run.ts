/** Runs probes one after the other, with and without the protection, and prints what happened. */
import { table } from '../../../orchestrator/cli/table.ts';
import type { Probe, ProbeResult } from './probe.ts';
import { Scene } from './scene.ts';

export interface ProbeReport extends ProbeResult {
  name: string;
  attack: string;
  knownGap: string | null;
  /** The result with the protection switched off; null where there is none to switch off. */
  unprotected: ProbeResult | null;
  /** Why the outcome is a failure of the test; empty if it is as expected. */
  problems: string[];
}

/** What differs from the expectation: held with the protection, broken without it. */
function problemsOf(probe: Probe, result: ProbeResult, unprotected: ProbeResult | null): string[] {
  const problems: string[] = [];
  if (result.kind === 'broken' && probe.knownGap === null) problems.push('the attack succeeded');
  if (result.kind === 'held' && probe.knownGap !== null)
    problems.push('the attack failed: remove `knownGap`');
  if (unprotected?.kind === 'held') problems.push('the attack failed even without the protection');
  return problems;
}

export async function runProbe(probe: Probe, scene: Scene): Promise<ProbeReport> {
  const { name, attack, knownGap } = probe;
  const result = await probe.run(scene);
  const unprotected = probe.runUnprotected === null ? null : await probe.runUnprotected(scene);
  return { name, attack, knownGap, ...result, unprotected, problems: problemsOf(probe, result, unprotected) };
}

async function inNewScene<Result>(task: (scene: Scene) => Promise<Result>): Promise<Result> {
  const scene = await Scene.open();
  try {
    return await task(scene);
  } finally {
    await scene.close();
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
  const inCi = probes.filter(({ runs }) => runs === 'ci');
  const reports = inCi.length === 0 ? [] : await inNewScene((scene) => runInScene(inCi, scene));
  for (const probe of probes.filter(({ runs }) => runs === 'by-hand'))
    reports.push(...(await inNewScene((scene) => runInScene([probe], scene))));
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
