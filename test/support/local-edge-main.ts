/** A local edge in a process of its own, as the daemon's is: leads to the relays it is told, and says its port. */
import { pino } from 'pino';
import { createLocalEdge } from '../../orchestrator/edges/local/index.ts';
import { applyRoutes } from './apply-routes.ts';
import { ownRoute } from './own-route.ts';

const edge = createLocalEdge({
  listen: '127.0.0.1:0',
  hostname: null,
  instance: 'test',
  log: pino({ level: 'silent' }),
});
await edge.start();
const relays = process.argv.slice(2).map((argument) => argument.split('='));
const routes = relays.map(([student = '', port = '']) =>
  ownRoute(student, `${student}.test`, `http://127.0.0.1:${port}`),
);
await applyRoutes(edge, routes);
process.on('disconnect', () => process.exit());
process.send?.(edge.address().port);
