/**
 * Alice's server and her visitors in their own process, so that their load does not slow the test's process. Her slow
 * visitors stay and others break off uploads until the test sends `enough`. Then it reports how many WebSockets are open.
 */
import { once } from 'node:events';
import { many, startLoadedService, VisitorLoad } from './visitor-load.ts';
import { portOf } from './visitor-rig.ts';

process.on('disconnect', () => process.exit());
process.send?.(portOf(await startLoadedService()));
const [edgePort] = await once(process, 'message');
const visitors = new VisitorLoad(edgePort, 'alice.test');

const sockets = await visitors.openSockets(1000);
let isEnough = false;
const enough = once(process, 'message').then(() => {
  isEnough = true;
});
const readers = many(80, () => visitors.readSlowly(enough));
process.send?.('loaded');
while (!isEnough) await many(40, () => visitors.abortUpload());
await readers;
process.send?.(sockets.filter(({ readyState, OPEN }) => readyState === OPEN).length);
