/** `npm run matrix [-- --only TEXT] [--json]`: both matrices, or only the rows whose name contains TEXT. */
import { parseArgs } from 'node:util';
import { runLeaveMatrix } from './leave-matrix.ts';
import { formatMatrix } from './rows.ts';
import { runStartMatrix } from './start-matrix.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
});
const start = await runStartMatrix(values.only);
const leave = await runLeaveMatrix(values.only);
if (values.json) console.log(JSON.stringify({ start, leave }, null, 2));
else {
  if (start.length > 0) console.log(formatMatrix('Starting a server', start));
  if (leave.length > 0) console.log(formatMatrix('Leaving', leave));
}
const all = [...start, ...leave];
if (all.length === 0) console.error(`No row's name contains '${values.only}'.`);
process.exit(all.length > 0 && all.every(({ problems }) => problems.length === 0) ? 0 : 1);
