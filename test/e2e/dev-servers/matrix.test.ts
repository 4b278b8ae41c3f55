/** Real dev servers, started by a plain `npm run dev`, not a line of their projects changed. */
import type { DevServerResult } from './check.ts';
import { matrixTable, runMatrix } from './matrix.ts';
import { devServers } from './servers.ts';

let outcomes: DevServerResult[] = [];

beforeAll(async () => {
  outcomes = await runMatrix(devServers, () => {});
  process.stdout.write(`\n${matrixTable(outcomes)}\n`);
}, 900_000);

test.each(devServers)('$name: page, hot reload and POST', ({ name, port, hotReload, post }) => {
  const outcome = outcomes.find((each) => each.server === name);
  expect(outcome).toMatchObject({
    page: true,
    hotReload: hotReload === null ? null : true,
    post: post === null ? null : true,
  });
  if (port !== 'PORT') expect(outcome?.port).toBe(port);
});
