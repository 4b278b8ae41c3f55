/** The relay answers requests from the edge and from inside the environment, and no others, whatever they claim. */
import { hashRelayKey } from '../../../../../orchestrator/protocol/relay-key.ts';
import { RELAY_KEY, VisitorRig } from '../../../../support/visitor-rig.ts';
import { statusOfUpgrade } from '../../../../support/visitor-socket.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
  await rig.serve((request, response) => response.end(JSON.stringify(request.headers)));
});

afterEach(() => rig.close());

/** What the relay answers to a request that a user of the host sends to its port. */
const send = (lines: string[]) =>
  rig.sendRaw(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`, { to: rig.relay.port });

test.each([
  ['a local name', ['Host: localhost']],
  ['a local name with the port', ['Host: localhost:3001']],
  ['the loopback address', ['Host: 127.0.0.1:3001']],
  ['the IPv6 loopback address', ['Host: [::1]:3001']],
  ['no name', ['Host:']],
  ["the link's name", ['Host: alice.test']],
  ["the link's name in capitals with a dot", ['Host: ALICE.TEST.']],
  ['another key', ['Host: anotherkey.alice.test']],
  ["the key's hash", [`Host: ${hashRelayKey(RELAY_KEY)}.alice.test`]],
  ['an empty key', ['Host: .alice.test']],
  ['the key in capitals', [`Host: ${RELAY_KEY.toUpperCase()}.alice.test`]],
  ['the key alone', [`Host: ${RELAY_KEY}`]],
  ['the key and a local name', [`Host: ${RELAY_KEY}.localhost`]],
  ['the key and the loopback address', [`Host: ${RELAY_KEY}.127.0.0.1:3001`]],
  ['the key behind the name', [`Host: alice.test.${RELAY_KEY}`]],
  ['the key elsewhere', ['Host: alice.test', `X-Forwarded-Host: ${RELAY_KEY}.alice.test`]],
])('a request without the edge and with %s is refused', async (_what, headers) => {
  for (const path of ['/', '/.well-known/devenv'])
    expect([path, await send([`GET ${path} HTTP/1.1`, ...headers])]).toEqual([
      path,
      expect.stringMatching(/^HTTP\/1\.1 403 /),
    ]);
});

test('the target of a request counts, not its `Host`: it names the key or is refused', async () => {
  const host = `Host: ${RELAY_KEY}.alice.test`;
  expect(await send(['GET http://alice.test/ HTTP/1.1', host])).toMatch(/^HTTP\/1\.1 403 /);
  expect(await send(['GET / HTTP/1.0'])).toMatch(/^HTTP\/1\.1 403 /);
  expect(await send(['GET / HTTP/1.1', host, host])).toMatch(/^HTTP\/1\.1 400 /);
  expect(await send(['GET / HTTP/1.1', host])).toMatch(/^HTTP\/1\.1 200 /);
  expect(await send(['GET / HTTP/1.1', `Host: ${RELAY_KEY}.bob.test`])).toMatch(/^HTTP\/1\.1 421 /);
});

test('a WebSocket without the edge is refused', async () => {
  expect(await statusOfUpgrade(rig.relay.port, 'alice.test')).toBe(403);
  expect(await statusOfUpgrade(rig.relay.port, 'localhost')).toBe(403);
});

test("the key reaches neither the student's program nor visitors, and opens nothing at the edge", async () => {
  const { status, headers, body } = await rig.visit();
  expect([status, JSON.parse(body).host]).toEqual([200, `localhost:${rig.service?.port}`]);
  expect(JSON.stringify(headers) + body).not.toContain(RELAY_KEY);
  expect((await rig.visit('/', { host: `${RELAY_KEY}.${rig.host}` })).status).toBe(404);
});

test('an HTTP/1.0 request that names the host in its target only passes the edge', async () => {
  expect(await rig.sendRaw('GET http://alice.test/ HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
});

test('from inside, local names and the link are answered without a key', async () => {
  rig.isInside = true;
  for (const host of ['localhost:3001', 'alice.test'])
    expect(await send(['GET / HTTP/1.1', `Host: ${host}`])).toMatch(/^HTTP\/1\.1 200 /);
});
