/** Runs the rows of the dev-server matrix with several students side by side, and prints the results as a table. */
import { table } from '../../../orchestrator/cli/table.ts';
import { preparedModules } from '../../support/fixture-packages.ts';
import { fixtureFolder } from '../../support/fixture-project.ts';
import { Installation } from '../../support/installation.ts';
import { DevServerCheck, type DevServerResult, type FeatureResult } from './check.ts';
import type { DevServer } from './servers.ts';

const STUDENTS = ['alice', 'bob', 'carol'];

/** Each student takes the next row when the previous one is done; returns the results in the rows' order. */
export async function runMatrix(rows: readonly DevServer[], onResult: (result: DevServerResult) => void) {
  const devenv = await Installation.make();
  const results = new Map<string, DevServerResult>();
  const waiting = [...rows];
  const packages = [...rows];
  const prepare = async () => {
    for (let row = packages.shift(); row !== undefined; row = packages.shift())
      await preparedModules(fixtureFolder(row.fixture));
  };
  const work = async (student: string) => {
    await devenv.succeed('create', student);
    const terminal = devenv.terminal(['shell', student]);
    await terminal.see(/\$ $/);
    const check = new DevServerCheck(devenv, student, terminal);
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const result = await check.run(row);
      results.set(row.name, result);
      onResult(result);
    }
    terminal.type('exit\r');
    await terminal.ended;
  };
  try {
    const [first = 'alice', ...others] = STUDENTS.slice(0, rows.length);
    // The first command starts the orchestrator and builds the image; the students' commands follow it.
    await Promise.all([prepare(), prepare(), devenv.succeed('create', 'starter')]);
    await Promise.all([first, ...others].map(work));
  } finally {
    await devenv.remove();
  }
  return rows.flatMap((row) => results.get(row.name) ?? []);
}

/** Whether all features of the server that exist work. */
export const hasPassed = ({ page, hotReload, post }: DevServerResult) =>
  page === true && typeof hotReload !== 'string' && typeof post !== 'string';

export function matrixTable(results: readonly DevServerResult[]): string {
  const mark = (result: FeatureResult) => (result === null ? '-' : result === true ? 'ok' : 'FAILED');
  return table(
    ['SERVER', 'VERSION', 'PORT', 'SECONDS', 'PAGE', 'HOT RELOAD', 'POST'],
    results.map((each) => [
      ...[each.server, each.version, String(each.port ?? '-'), each.seconds.toFixed(1)],
      ...[each.page, each.hotReload, each.post].map(mark),
    ]),
  );
}
