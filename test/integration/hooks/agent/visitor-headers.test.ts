/** Which headers about the visitor an app gets, from its process and project in a real container. */
import { RELAY_PORT } from '../../../../orchestrator/protocol/constants.ts';
import { AgentContainer } from '../../../support/agent-container.ts';
import type { Terminal } from '../../../support/terminal.ts';

let agent: AgentContainer;
let terminal: Terminal;

beforeAll(async () => {
  agent = await AgentContainer.start();
  agent.send({ link: { phase: 'open', detail: '' } });
  terminal = await agent.open();
});

afterAll(() => agent?.close());

const APP = `require('http').createServer((q, s) => s.writeHead(302, { location: 'http://localhost:3000/home' }).end(
  JSON.stringify([q.headers['x-forwarded-proto'], q.headers['x-forwarded-for']].map(Boolean)))).listen(process.env.PORT)`;

/** Writes a project's files, starts `node SCRIPT` in it, and sends a request as the edge does. */
async function answerOf(files: Record<string, string>, script: string): Promise<string> {
  const folder = agent.container.run('mktemp -d');
  for (const [name, text] of Object.entries({ 'app.cjs': APP, ...files })) {
    const content = Buffer.from(text).toString('base64');
    agent.container.run(
      `mkdir -p "$(dirname ${folder}/${name})" && echo ${content} | base64 -d > ${folder}/${name}`,
    );
  }
  terminal.type(`cd ${folder} && node ${script}\r`);
  await agent.reported(
    'the app',
    ({ service, listeners }) => service !== null && listeners.some(({ command }) => command.includes(script)),
  );
  const request = `-H 'Host: alice.test' -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-For: 192.0.2.1'`;
  const answer = agent.container.run(
    `curl -s -w ' %header{location}' ${request} http://127.0.0.1:${RELAY_PORT}/`,
  );
  terminal.type('\x03');
  await agent.reported('no app', ({ service }) => service === null);
  return answer;
}

const cases: [string, Record<string, string>, string, string][] = [
  ['a plain script gets both', {}, 'app.cjs', '[true,true]'],
  [
    'with express-rate-limit, the address is dropped',
    { 'node_modules/express-rate-limit/index.js': '' },
    'app.cjs',
    '[true,false]',
  ],
  [
    'with express-rate-limit and a trusted proxy, the address is passed on',
    { 'node_modules/express-rate-limit/index.js': '', 'app.cjs': `${APP} // app.set('trust proxy', 1)` },
    'app.cjs',
    '[true,true]',
  ],
  [
    'a dev server gets no scheme',
    { 'node_modules/vite/bin/vite.js': APP },
    'node_modules/vite/bin/vite.js',
    '[false,true]',
  ],
  [
    'an app whose framework compares schemes gets none',
    { 'package.json': '{"dependencies":{"better-auth":"1"}}' },
    'app.cjs',
    '[false,true]',
  ],
];

test.each(cases)(
  '%s; the default port of its settings becomes the link',
  async (_name, files, script, expected) => {
    expect(await answerOf(files, script)).toBe(`${expected} http://alice.test/home`);
  },
);
