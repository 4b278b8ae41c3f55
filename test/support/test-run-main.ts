/** A test run in a process of its own, to be killed. Creates one of each thing that tests create, and prints which. */
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import { AttackerNetwork } from './attacker-network.ts';
import { BareContainer } from './bare-container.ts';
import { Installation } from './installation.ts';

await AttackerNetwork.create(process.argv.slice(2));
const { id: container } = await BareContainer.start();
const devenv = await Installation.make();
await devenv.succeed('create', 'alice');
const { pid: daemon } = await devenv.json<DaemonView>('up');
const { instance, stateDir } = devenv;
console.log(JSON.stringify({ pid: process.pid, container, instance, stateDir, daemon }));
setInterval(() => {}, 2 ** 30);
