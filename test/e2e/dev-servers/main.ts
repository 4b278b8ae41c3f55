/** `npm run dev-server-matrix [-- --only TEXT] [--json]`: the matrix, or only the rows whose name contains TEXT. */
import { parseArgs } from 'node:util';
import { hasPassed, matrixTable, runMatrix } from './matrix.ts';
import { devServers } from './servers.ts';

const { only = '', json } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean' } },
}).values;
const rows = devServers.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()));
if (rows.length === 0) {
  console.error(
    `No row's name contains '${only}'. The rows are: ${devServers.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
const results = await runMatrix(rows, (result) =>
  console.error(
    hasPassed(result) ? `✓ ${result.server}` : `✗ ${result.server} ${JSON.stringify(result, null, 2)}`,
  ),
);
console.log(json ? JSON.stringify(results, null, 2) : matrixTable(results));
process.exitCode = results.every(hasPassed) ? 0 : 1;
