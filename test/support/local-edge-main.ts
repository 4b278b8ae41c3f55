/** A local edge in its own process, like the daemon's. Arguments: STUDENT=RELAYPORT. Sends its port. */
import { applyRoutes } from './apply-routes.ts';
import { createInProcessEdge } from './in-process-edge.ts';
import { ownRoute } from './own-route.ts';

const edge = createInProcessEdge();
await edge.start();
const relays = process.argv.slice(2).map((argument) => argument.split('='));
const routes = relays.map(([student = '', port = '']) =>
  ownRoute(student, `${student}.test`, `http://127.0.0.1:${port}`),
);
await applyRoutes(edge, routes);
process.on('disconnect', () => process.exit());
process.send?.(edge.address().port);
