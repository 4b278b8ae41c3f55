/** Runs the rows of the dev-server matrix, several students side by side, and prints what was seen as a table. */
import { table } from '../../../orchestrator/cli/table.ts';
import { preparedModules } from '../../support/fixture-packages.ts';
import { fixtureFolder } from '../../support/fixture-project.ts';
import { Installation } from '../../support/installation.ts';
import { DevServerCheck, type DevServerResult } from './check.ts';
import type { DevServer } from './servers.ts';

const students = ['alice', 'bob', 'carol'];

/** Each student takes the next row as soon as the last one is done. */
export async function runMatrix(rows: readonly DevServer[], onOutcome: (outcome: DevServerResult) => void) {
  const devenv = await Installation.make();
  const outcomes = new Map<string, DevServerResult>();
  const waiting = [...rows];
  const packages = [...rows];
  const prepare = async () => {
    for (let row = packages.shift(); row !== undefined; row = packages.shift())
      await preparedModules(fixtureFolder(row.fixture));
  };
  const study = async (student: string) => {
    await devenv.succeed('create', student);
    const terminal = devenv.terminal(['shell', student]);
    await terminal.see(/\$ $/, { timeoutMs: 60_000 });
    const visitor = new DevServerCheck(devenv, student, terminal);
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const outcome = await visitor.look(row);
      outcomes.set(row.name, outcome);
      onOutcome(outcome);
    }
    terminal.type('exit\r');
    await terminal.ended;
  };
  try {
    const [first = 'alice', ...others] = students.slice(0, rows.length);
    // The first one starts the orchestrator and has the image made; the others need not wait in its way.
    await Promise.all([prepare(), prepare(), devenv.succeed('create', 'starter')]);
    await Promise.all([first, ...others].map(study));
  } finally {
    await devenv.remove();
  }
  return rows.flatMap((row) => outcomes.get(row.name) ?? []);
}

export const isGood = ({ page, hotReload, post }: DevServerResult) =>
  page === true && typeof hotReload !== 'string' && typeof post !== 'string';

export function matrixTable(outcomes: readonly DevServerResult[]): string {
  const mark = (seen: true | string | null) => (seen === null ? '-' : seen === true ? 'ok' : 'FAILED');
  return table(
    ['SERVER', 'VERSION', 'PORT', 'SECONDS', 'PAGE', 'HOT RELOAD', 'POST'],
    outcomes.map((each) => [
      ...[each.server, each.version, String(each.port ?? '-'), each.seconds.toFixed(1)],
      ...[each.page, each.hotReload, each.post].map(mark),
    ]),
  );
}
