/** The whole way of a visitor: local edge, relay, service. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRelay } from '../../../../../hooks/agent/relay/index.ts';
import { routeId } from '../../../../../orchestrator/edges/edge.ts';
import { createLocalEdge } from '../../../../../orchestrator/edges/local/index.ts';
import { LocalProxy } from '../../../../../orchestrator/edges/local/proxy.ts';
import { applyRoutes } from '../../../../support/apply-routes.ts';
import { browse } from '../../../../support/browse.ts';
import { silentLog, VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let way: VisitorRig;

beforeEach(async () => {
  way = await VisitorRig.open();
});

afterEach(() => way.close());

test('an unknown name, a closed one and no name at all get a plain 404', async () => {
  expect((await way.visit('/', { host: 'bob.test' })).status).toBe(404);
  await way.publish();
  const closed = await way.visit();
  expect([closed.status, closed.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
  expect((await way.visit('/', { host: '<script>alert(1)</script>' })).body).not.toContain('<script>');
  const socket = connect(way.port, '127.0.0.1');
  socket.write('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1.1 404/);
});

test.each(['ALICE.test', 'alice.test.', 'alice.test:9999'])('%s is the same name', async (name) => {
  expect((await way.visit('/', { host: name })).status).toBe(503);
});

test("confirmed live: the reserved path tells whose it is, and never reaches the student's program", async () => {
  let asked = 0;
  await way.serve((_request, response) => {
    asked += 1;
    response.end();
  });
  expect(await way.edge.confirm(way.route(), AbortSignal.timeout(5000))).toEqual({ kind: 'live' });
  const other = await way.edge.confirm({ ...way.route(), owner: 'bob' }, AbortSignal.timeout(300));
  expect(other).toMatchObject({
    kind: 'not-live',
    problem: { what: expect.stringContaining('another student') },
  });
  const elsewhere = createLocalEdge({ listen: '127.0.0.1:0', hostname: null, instance: 'b', log: silentLog });
  await elsewhere.start();
  await applyRoutes(elsewhere, [way.route()]);
  expect(await elsewhere.confirm(way.route(), AbortSignal.timeout(300))).toMatchObject({ kind: 'not-live' });
  await elsewhere.stop();
  expect(asked).toBe(0);
});

test('a further link is confirmed live as its own, and not as the own link', async () => {
  const route = { ...way.route(), id: routeId('alice-4000'), hostname: 'alice-4000.test' };
  await way.publish(way.route(), route);
  expect(await way.edge.confirm(route, AbortSignal.timeout(300))).toMatchObject({ kind: 'not-live' });
  const url = `http://alice-4000.test:${way.port}`;
  way.additionalLinks = [{ hostname: 'alice-4000.test', url, service: null, isWanted: true }];
  expect(await way.edge.confirm(route, AbortSignal.timeout(5000))).toEqual({ kind: 'live' });
});

test('the reserved path says to visitors whether a service is there for them, and nothing of the host', async () => {
  const told = async (host = way.host) => {
    const { status, headers, body } = await way.visit('/.well-known/devenv', { host });
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    return JSON.parse(body);
  };
  const fingerprint = expect.stringMatching(/^[0-9a-f]{16}$/);
  expect(await told()).toEqual({ fingerprint, isServing: false });
  await way.serve((_request, response) => response.end());
  expect(await told()).toEqual({ fingerprint, isServing: true });
  // A service behind a closed link is there for nobody.
  way.additionalLinks = [{ hostname: 'b.test', url: 'http://b.test', service: way.service, isWanted: false }];
  await way.publish({ ...way.route(), hostname: 'b.test' });
  expect(await told('b.test')).toEqual({ fingerprint, isServing: false });
});

test('while nothing listens: a light page of its own, JSON for programs, nothing about the host', async () => {
  const page = await way.visit();
  expect([page.status, page.headers['retry-after'], page.headers['cache-control']]).toEqual([
    503,
    '2',
    'no-store',
  ]);
  expect(page.body).toContain('alice');
  expect(page.body.length).toBeLessThan(4096);
  expect(page.body).not.toMatch(/https?:\/\//);
  const json = await way.visit('/', { headers: { accept: 'application/json' } });
  expect(JSON.parse(json.body)).toEqual({
    error: 'nothing is listening',
    student: 'alice',
    phase: 'open',
    starting: false,
  });
});

test('headers of 64 KB pass; more than is sane gets a clean answer', async () => {
  await way.serve(
    (incoming, response) => void response.end(String(String(incoming.headers['x-large']).length)),
  );
  expect((await way.visit('/', { headers: { 'x-large': 'a'.repeat(64 * 1024) } })).body).toBe(
    String(64 * 1024),
  );
  expect((await way.visit('/', { headers: { 'x-large': 'a'.repeat(200 * 1024) } })).status).toBe(431);
});

test('an HTTPS server with a certificate of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
    ],
    { stdio: 'ignore' },
  );
  const server = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (incoming, response) => response.end(`${incoming.headers.host} ${incoming.headers.origin}`),
  );
  rmSync(folder, { recursive: true });
  await way.forwardTo(server, 'https');
  const { body } = await way.visit('/', { headers: { origin: `http://${way.host}` } });
  expect(body).toBe(`localhost:${way.service?.port} https://localhost:${way.service?.port}`);
});

test("a page calls the API beside it, which allows the page as on the student's own machine", async () => {
  const pages = () => `http://localhost:${way.service?.port}`;
  await way.serve((incoming, response) => {
    const { origin = 'none' } = incoming.headers;
    response.writeHead(incoming.url === '/done' ? 302 : 200, {
      'access-control-allow-origin': pages(),
      location: `${pages()}/done`,
    });
    response.end(origin);
  });
  const api = way.service;
  await way.serve((_request, response) =>
    response.writeHead(302, { location: `http://localhost:${api?.port}/x` }).end(),
  );
  const apiHost = `alice-4000.test:${way.port}`;
  way.additionalLinks = [
    { hostname: 'alice-4000.test', url: `http://${apiHost}`, service: api, isWanted: true },
  ];
  await way.publish(way.route(), { ...way.route(), id: routeId('alice-4000'), hostname: 'alice-4000.test' });

  const call = (origin: string) => way.visit('/done', { host: apiHost, headers: { origin } });
  const called = await call(`http://${way.host}`);
  expect(called.headers['access-control-allow-origin']).toBe(`http://${way.host}`);
  expect([called.body, called.headers.location]).toEqual([pages(), `http://${way.host}/done`]);
  expect((await call('http://bob.test')).body).toBe('http://bob.test');
  expect((await way.visit()).headers.location).toBe(`http://${apiHost}/x`);

  way.additionalLinks = way.additionalLinks.map((link) => ({ ...link, isWanted: false }));
  expect((await call(`http://${way.host}`)).status).toBe(503);
  expect((await way.visit()).headers.location).toBe(`http://localhost:${api?.port}/x`);
});

test("a name that is not the student's gets nothing from the relay, though it leads there", async () => {
  await way.serve((_request, response) => response.end('secret'));
  const rebound = await browse({ port: way.relay.port, host: 'evil.example' });
  expect([rebound.status, rebound.body]).toEqual([421, 'evil.example does not lead here.\n']);
  expect((await browse({ port: way.relay.port, host: 'localhost' })).body).toBe('secret');
});

test('a template in capitals leads where visitors look', async () => {
  const edge = createLocalEdge({
    listen: '127.0.0.1:0',
    hostname: '{student}.Lab.test',
    instance: 'test',
    log: silentLog,
  });
  expect(edge.knownHostname('alice')).toBe('alice.lab.test');
});

test("who listens on the edge's address already is named, with what to do", async () => {
  const second = createLocalEdge({
    listen: `127.0.0.1:${way.port}`,
    hostname: null,
    instance: 'test',
    log: silentLog,
  });
  await expect(second.start()).rejects.toMatchObject({
    code: 'edge',
    next: expect.stringContaining('DEVENV_LISTEN'),
  });
});

test('beyond what one hostname may have, visitors are told so; other hostnames go on', async () => {
  await way.serve((_request, response) => response.end('fine'));
  const proxy = new LocalProxy(2);
  proxy.setRoutes([way.route(), { ...way.route(), id: routeId('bob'), hostname: 'alice.test.bob' }]);
  const port = await proxy.listen(0, '127.0.0.1');
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
  for (const agent of agents) expect((await browse({ port, host: 'alice.test', agent })).body).toBe('fine');
  const third = await browse({ port, host: 'alice.test' });
  expect([third.status, third.body]).toEqual([503, expect.stringContaining('Too busy')]);
  expect((await browse({ port, host: 'alice.test.bob' })).status).toBe(421);
  agents[0]?.destroy();
  await waitFor('a place', async () => (await browse({ port, host: 'alice.test' })).body === 'fine');
  agents[1]?.destroy();
  await proxy.close();
});

test('the relay closes what is more than it may hold', async () => {
  const relay = await startRelay({
    port: 0,
    host: '127.0.0.1',
    maxConnections: 1,
    service: () => null,
    identity: () => ({ instance: 'test', student: 'alice' }),
    public: () => ({ hostname: 'a.test', url: 'http://a.test', student: 'a', phase: 'open', starting: true }),
  });
  const first = connect(relay.port, '127.0.0.1');
  first.on('error', () => {});
  await once(first, 'connect');
  await expect(browse({ port: relay.port, host: 'a.test' })).rejects.toThrow();
  first.destroy();
  const html = await waitFor('a place', () =>
    browse({ port: relay.port, host: 'a.test', headers: { accept: 'text/html,application/json' } }).catch(
      () => null,
    ),
  );
  expect(html.body).toContain('It is starting.');
  await relay.close();
});
