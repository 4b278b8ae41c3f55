/** `npm run dev-server-matrix [-- --only TEXT] [--json]`: the matrix by itself, all of it or the rows named. */
import { parseArgs } from 'node:util';

import { isGood, matrixTable, runMatrix } from './matrix.ts';
import { devServers } from './servers.ts';

const { only = '', json } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean' } },
}).values;
const rows = devServers.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()));
if (rows.length === 0) {
  console.error(
    `No row's name contains '${only}'. There are: ${devServers.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
const outcomes = await runMatrix(rows, (outcome) =>
  console.error(
    isGood(outcome) ? `✓ ${outcome.server}` : `✗ ${outcome.server} ${JSON.stringify(outcome, null, 2)}`,
  ),
);
console.log(json ? JSON.stringify(outcomes, null, 2) : matrixTable(outcomes));
process.exitCode = outcomes.every(isGood) ? 0 : 1;
