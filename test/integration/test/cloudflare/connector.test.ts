/** The mock's connector: it forwards a visitor only if DNS and the connector's configuration both allow it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { type IngressRule, MockCloudflare, MockConnector } from '../../../cloudflare/index.ts';
import { browse } from '../../../support/browse.ts';
import { callApi, pathsOf } from '../../../support/mock-api.ts';

let mock: MockCloudflare;
let connector: MockConnector;
let service: Server;
let received: IncomingMessage[];
/** The mock's clock, in ms. */
let time: number;

const visit = (host: string, path = '/', headers: Record<string, string> = {}) =>
  browse({ port: connector.port, host, path, headers });
const serviceUrl = () => `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
const rule = (hostname: string, more: Partial<IngressRule> = {}): IngressRule => ({
  hostname,
  service: serviceUrl(),
  ...more,
});
const route = (...rules: IngressRule[]) =>
  mock.foreign.putConfig((config) => ({ ...config, ingress: [...rules, { service: 'http_status:404' }] }));
const point = (name: string, proxied = true, content = mock.account.tunnelHostname) =>
  mock.foreign.addRecord({ type: 'CNAME', name, content, proxied });
const metrics = async (path: string) => {
  const response = await fetch(`http://${connector.metricsAddress}${path}`);
  return { status: response.status, text: await response.text() };
};

beforeEach(async () => {
  time = 1_800_000_000_000;
  mock = await MockCloudflare.start({ connectorDelayMs: 1000, now: () => time });
  connector = await MockConnector.start(mock.account);
  received = [];
  service = createServer((request, response) => {
    received.push(request);
    response.end(`served ${request.url}`);
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
});

afterEach(async () => {
  await connector.stop();
  await mock.stop();
  service.closeAllConnections();
  service.close();
});

test('a visitor needs a record, a rule, and a connector that has received the rule', async () => {
  expect(await visit('alice.example.com')).toMatchObject({ status: 530, body: 'error code: 1016' });
  point('alice.example.com');
  expect(await visit('alice.example.com')).toMatchObject({ status: 503 });
  route(rule('alice.example.com'));
  time += 999;
  expect(await visit('alice.example.com')).toMatchObject({ status: 503 });
  time += 1;
  expect(await visit('ALICE.example.com:8443', '/a?b')).toMatchObject({ status: 200, body: 'served /a?b' });
  route();
  expect(await visit('alice.example.com')).toMatchObject({ status: 200 });
  time += 1000;
  expect(await visit('alice.example.com')).toMatchObject({ status: 404 });
  expect(received).toHaveLength(2);
});

test('a record that is not proxied or points elsewhere does not reach the tunnel', async () => {
  const names = ['plain', 'elsewhere', 'other'].map((label) => `${label}.example.com`);
  point('plain.example.com', false);
  point('elsewhere.example.com', true, 'example.org');
  point('other.example.com', true, `${mock.tunnelId.replace(/.$/, 'x')}.cfargotunnel.com`);
  route(...names.map((name) => rule(name)));
  time += 1000;
  const answers = await Promise.all(names.map((name) => visit(name)));
  expect(answers.map(({ body }) => body)).toEqual([1016, 1016, 1033].map((code) => `error code: ${code}`));
});

test('the first matching rule wins: wildcards, paths and fixed statuses', async () => {
  for (const name of ['a', 'b', 'c', 'wild', 'notwild', '*.wild']) point(`${name}.example.com`);
  route(
    rule('a.example.com', { path: '^/api' }),
    rule('b.example.com', { service: 'http_status:418' }),
    rule('*.wild.example.com'),
    rule('*.example.com', { service: 'http_status:409' }),
    rule('c.example.com'),
  );
  time += 1000;
  const status = async (host: string, path?: string) => (await visit(host, path)).status;
  expect(await status('a.example.com', '/api/x')).toBe(200);
  expect(await status('a.example.com', '/x?/api')).toBe(409);
  expect(await status('b.example.com')).toBe(418);
  expect(await status('c.example.com')).toBe(409);
  expect(await status('deep.wild.example.com')).toBe(200);
  expect(await status('wild.example.com')).toBe(409);
  expect(await status('notwild.example.com')).toBe(409);
});

test('a service that does not answer, is not HTTP, or is on another machine gives 502', async () => {
  for (const name of ['gone', 'ssh', 'far']) point(`${name}.example.com`);
  route(
    rule('gone.example.com', { service: 'http://127.0.0.1:1' }),
    rule('ssh.example.com', { service: 'ssh://127.0.0.1:22' }),
    rule('far.example.com', { service: 'http://192.0.2.1' }),
  );
  time += 1000;
  for (const name of ['gone', 'ssh', 'far']) {
    const { status } = await visit(`${name}.example.com`);
    expect({ name, status }).toEqual({ name, status: 502 });
  }
});

test('the service sees the visitor’s address, HTTPS, and the Host that the rule names', async () => {
  point('a.example.com');
  point('b.example.com');
  route(
    rule('a.example.com'),
    rule('b.example.com', { originRequest: { httpHostHeader: 'localhost:5173' } }),
  );
  time += 1000;
  await visit('a.example.com', '/', {
    'x-forwarded-proto': 'gopher',
    'cf-connecting-ip': '203.0.113.9',
    'x-forwarded-for': '203.0.113.9',
    'x-kept': 'yes',
  });
  await visit('b.example.com');
  expect(received[0]?.headers).toMatchObject({
    host: 'a.example.com',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'cf-connecting-ip': '127.0.0.1',
    'cf-visitor': '{"scheme":"https"}',
    'x-kept': 'yes',
  });
  expect(received[0]?.headers['x-forwarded-host']).toBeUndefined();
  expect(received[1]?.headers).toMatchObject({ host: 'localhost:5173', 'x-forwarded-host': 'b.example.com' });
});

test('a setting of the whole tunnel applies to rules without one', async () => {
  point('a.example.com');
  route(rule('a.example.com'));
  mock.foreign.putConfig((config) => ({ ...config, originRequest: { httpHostHeader: 'inner' } }));
  time += 1000;
  await visit('a.example.com');
  expect(received[0]?.headers.host).toBe('inner');
});

test('forwards WebSockets in both directions, and refuses them without a rule', async () => {
  const sockets = new WebSocketServer({ server: service });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  point('alice.example.com');
  route(rule('alice.example.com'));
  time += 1000;
  const open = (host: string) => new WebSocket(`ws://127.0.0.1:${connector.port}/ws`, { headers: { host } });
  const socket = open('alice.example.com');
  await once(socket, 'open');
  socket.send('hello');
  const [message] = await once(socket, 'message');
  expect(String(message)).toBe('echo hello');
  const closed = once(socket, 'close');
  await connector.stop();
  await closed;
  sockets.close();
  connector = await MockConnector.start(mock.account);
  const [error] = await once(open('bob.example.com'), 'error');
  expect(String(error)).toContain('530');
});

test('API and metrics report the same version, once the connector has it', async () => {
  const versions = async () => {
    const api = (await callApi(mock, pathsOf(mock).connections)).body.result;
    const gauge = /^cloudflared_orchestration_config_version (-?\d+)$/m.exec(
      (await metrics('/metrics')).text,
    );
    const { version, config } = JSON.parse((await metrics('/config')).text);
    return { api, gauge: Number(gauge?.[1]), version, config };
  };
  expect(await versions()).toMatchObject({ api: [{ config_version: 0 }], gauge: -1, version: -1 });
  route(rule('alice.example.com'));
  route(rule('alice.example.com'), rule('bob.example.com'));
  expect(await versions()).toMatchObject({ api: [{ config_version: 0 }], gauge: -1, version: -1 });
  time += 1000;
  expect(await versions()).toMatchObject({
    api: [{ id: mock.account.connectors[0]?.id, config_version: 2, conns: { length: 4 } }],
    gauge: 2,
    version: 2,
    config: { ingress: [{ hostname: 'alice.example.com', path: null }, {}, { service: 'http_status:404' }] },
  });
  expect(await metrics('/ready')).toMatchObject({
    status: 200,
    text: expect.stringContaining('"readyConnections":4'),
  });
  expect((await metrics('/nothing')).status).toBe(404);
});

test('one of several connectors can be stuck, be removed, or be added later', async () => {
  point('alice.example.com');
  const stuck = mock.account.tunnel.addConnector(Number.POSITIVE_INFINITY);
  route(rule('alice.example.com'));
  time += 1000;
  const versions = () => mock.account.connectors.map(({ current }) => current.version);
  expect(versions()).toEqual([1, 0]);
  const statuses = [await visit('alice.example.com'), await visit('alice.example.com')];
  expect(statuses.map(({ status }) => status).sort()).toEqual([200, 503]);
  mock.account.tunnel.removeConnectors(stuck.id);
  expect(versions()).toEqual([1]);
  mock.account.tunnel.addConnector(0);
  expect(versions()).toEqual([1, 1]);
  mock.account.tunnel.removeConnectors();
  expect(await visit('alice.example.com')).toMatchObject({ status: 530, body: 'error code: 1033' });
  expect((await metrics('/ready')).status).toBe(503);
  const paths = pathsOf(mock);
  expect((await callApi(mock, paths.connections)).body.result).toEqual([]);
  expect((await callApi(mock, paths.tunnel)).body.result).toMatchObject({ status: 'down', connections: [] });
});

test('a port in use is reported with the system’s error, and nothing is left listening', async () => {
  const taken = { metricsPort: connector.port };
  await expect(MockConnector.start(mock.account, taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
