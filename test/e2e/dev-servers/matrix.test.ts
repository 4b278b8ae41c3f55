/** Real dev servers, started by a plain `npm run dev` in unchanged projects. */
import type { DevServerResult } from './check.ts';
import { matrixTable, runMatrix } from './matrix.ts';
import { devServers } from './servers.ts';

let results: DevServerResult[] = [];

beforeAll(async () => {
  results = await runMatrix(devServers, () => {});
  process.stdout.write(`\n${matrixTable(results)}\n`);
}, 1_800_000);

test.each(devServers)('$name: page, hot reload and POST', ({ name, port, hotReload, post }) => {
  const result = results.find((each) => each.server === name);
  expect(result).toMatchObject({
    page: true,
    hotReload: hotReload === null ? null : true,
    post: post === null ? null : true,
  });
  if (port !== 'PORT') expect(result?.port).toBe(port);
});
