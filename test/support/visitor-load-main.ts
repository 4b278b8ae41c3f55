/** Alice's server and her visitors in their own process, so that their load does not slow the test's process. */
import { once } from 'node:events';
import { many, startLoadedService, VisitorLoad } from './visitor-load.ts';
import { portOf } from './visitor-rig.ts';

const stayMs = Number(process.argv[2]);
process.on('disconnect', () => process.exit());
process.send?.(portOf(await startLoadedService()));
const [edgePort] = await once(process, 'message');
const visitors = new VisitorLoad(edgePort, 'alice.test');

const sockets = await visitors.openSockets(1000);
process.send?.('loaded');
const readers = many(80, () => visitors.readSlowly(stayMs));
for (let round = 0; round < 4; round += 1) await many(40, () => visitors.abortUpload());
await readers;
process.send?.(sockets.filter(({ readyState, OPEN }) => readyState === OPEN).length);
