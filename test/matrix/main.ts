/** `npm run matrix [-- --only TEXT] [--json]`: the matrices of starting and leaving, or the rows whose name holds TEXT. */
import { parseArgs } from 'node:util';
import { formatMatrix } from './format.ts';
import { runLeaving } from './leave-rows.ts';
import { runStarting } from './start-rows.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
});
const starting = await runStarting(values.only);
const leaving = await runLeaving(values.only);
if (values.json) console.log(JSON.stringify({ starting, leaving }, null, 2));
else {
  if (starting.length > 0) console.log(formatMatrix('starting', starting));
  if (leaving.length > 0) console.log(formatMatrix('leaving', leaving));
}
const all = [...starting, ...leaving];
if (all.length === 0) console.error(`No row's name holds '${values.only}'.`);
process.exit(all.length > 0 && all.every(({ faults }) => faults.length === 0) ? 0 : 1);
