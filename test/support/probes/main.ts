/** `npm run probe [-- --only TEXT] [--json]`: every probe, or those whose name contains TEXT. */
import { parseArgs } from 'node:util';
import { loadProbes } from './load.ts';
import { formatProbes, runProbes } from './run.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
});
const probes = (await loadProbes()).filter(({ name }) => name.includes(values.only));
if (probes.length === 0) {
  console.error(`No probe's name contains '${values.only}'.`);
  process.exit(1);
}
const reports = await runProbes(probes);
console.log(values.json ? JSON.stringify(reports, null, 2) : formatProbes(reports));
process.exit(reports.every(({ problems }) => problems.length === 0) ? 0 : 1);
