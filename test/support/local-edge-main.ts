/** A local edge in its own process, like the daemon's. Arguments: STUDENT=RELAYPORT. Sends its port. */
import { pino } from 'pino';
import { systemClock } from '../../orchestrator/clock.ts';
import { createLocalEdge } from '../../orchestrator/edges/local/index.ts';
import { applyRoutes } from './apply-routes.ts';
import { ownRoute } from './own-route.ts';

const edge = createLocalEdge({
  listen: '127.0.0.1:0',
  hostname: null,
  instance: 'test',
  log: pino({ level: 'silent' }),
  clock: systemClock,
});
await edge.start();
const relays = process.argv.slice(2).map((argument) => argument.split('='));
const routes = relays.map(([student = '', port = '']) =>
  ownRoute(student, `${student}.test`, `http://127.0.0.1:${port}`),
);
await applyRoutes(edge, routes);
process.on('disconnect', () => process.exit());
process.send?.(edge.address().port);
