/** A visitor's requests through local edge, relay and service. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRelay } from '../../../../../hooks/agent/relay/index.ts';
import type { ConnectionLimits } from '../../../../../hooks/agent/relay/options.ts';
import { systemClock } from '../../../../../orchestrator/clock.ts';
import { routeId } from '../../../../../orchestrator/edges/edge.ts';
import { awaitRelayIdentity, originAddress } from '../../../../../orchestrator/edges/link-identity.ts';
import { LocalProxy } from '../../../../../orchestrator/edges/local/proxy.ts';
import { hashRelayKey } from '../../../../../orchestrator/protocol/relay-key.ts';
import { applyRoutes } from '../../../../support/apply-routes.ts';
import { browse, type Visit } from '../../../../support/browse.ts';
import { freePort } from '../../../../support/free-port.ts';
import { createInProcessEdge } from '../../../../support/in-process-edge.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import { RELAY_KEY, VisitorRig } from '../../../../support/visitor-rig.ts';
import { WAIT_TIMEOUT_MS, waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

test('an unknown hostname, a closed one and none at all get a plain 404', async () => {
  expect((await rig.visit('/', { host: 'bob.test' })).status).toBe(404);
  await rig.publish();
  const closed = await rig.visit();
  expect([closed.status, closed.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
  expect((await rig.visit('/', { host: '<script>alert(1)</script>' })).body).not.toContain('<script>');
  const socket = connect(rig.port, '127.0.0.1');
  socket.write('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1.1 404/);
});

test.each(['ALICE.test', 'alice.test.', 'alice.test:9999'])('%s is the same hostname', async (name) => {
  expect((await rig.visit('/', { host: name })).status).toBe(503);
});

test("the edge confirms a link through the reserved path, which never reaches the student's program", async () => {
  let asked = 0;
  await rig.serve((_request, response) => {
    asked += 1;
    response.end();
  });
  expect(await rig.edge.confirm(rig.route(), AbortSignal.timeout(5000))).toEqual({ kind: 'live' });
  const other = await rig.edge.confirm({ ...rig.route(), owner: 'bob' }, AbortSignal.timeout(300));
  expect(other).toMatchObject({
    kind: 'not-live',
    problem: { what: expect.stringContaining('another student') },
  });
  const elsewhere = createInProcessEdge({ instance: 'b' });
  await elsewhere.start();
  await applyRoutes(elsewhere, [rig.route()]);
  expect(await elsewhere.confirm(rig.route(), AbortSignal.timeout(300))).toMatchObject({ kind: 'not-live' });
  await elsewhere.stop();
  expect(asked).toBe(0);
});

test('an additional link is confirmed as itself, not as the own link', async () => {
  const route = { ...rig.route(), id: routeId('alice-4000'), hostname: 'alice-4000.test' };
  await rig.publish(rig.route(), route);
  expect(await rig.edge.confirm(route, AbortSignal.timeout(300))).toMatchObject({ kind: 'not-live' });
  const url = `http://alice-4000.test:${rig.port}`;
  rig.additionalLinks = [{ hostname: 'alice-4000.test', url, service: null, isOpen: true }];
  expect(await rig.edge.confirm(route, AbortSignal.timeout(5000))).toEqual({ kind: 'live' });
});

test('the reserved path tells visitors whether they reach a service, and nothing about the host', async () => {
  const identityOf = async (host = rig.host) => {
    const { status, headers, body } = await rig.visit('/.well-known/devenv', { host });
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    return JSON.parse(body);
  };
  const fingerprint = expect.stringMatching(/^[0-9a-f]{16}$/);
  expect(await identityOf()).toEqual({ fingerprint, isServing: false });
  await rig.serve((_request, response) => response.end());
  expect(await identityOf()).toEqual({ fingerprint, isServing: true });
  // No visitor reaches a service behind a closed link.
  rig.additionalLinks = [{ hostname: 'b.test', url: 'http://b.test', service: rig.service, isOpen: false }];
  await rig.publish({ ...rig.route(), hostname: 'b.test' });
  expect(await identityOf('b.test')).toEqual({ fingerprint, isServing: false });
});

test('while nothing listens: a small page, JSON for programs, nothing about the host', async () => {
  const page = await rig.visit();
  expect([page.status, page.headers['retry-after'], page.headers['cache-control']]).toEqual([
    503,
    '2',
    'no-store',
  ]);
  expect(page.body).toContain('alice');
  expect(page.body.length).toBeLessThan(4096);
  expect(page.body).not.toMatch(/https?:\/\//);
  const json = await rig.visit('/', { headers: { accept: 'application/json' } });
  expect(JSON.parse(json.body)).toEqual({
    error: 'nothing is listening',
    student: 'alice',
    phase: 'open',
    starting: false,
  });
});

test('headers of 64 KB pass; 200 KB get a 431', async () => {
  await rig.serve(
    (incoming, response) => void response.end(String(String(incoming.headers['x-large']).length)),
  );
  expect((await rig.visit('/', { headers: { 'x-large': 'a'.repeat(64 * 1024) } })).body).toBe(
    String(64 * 1024),
  );
  expect((await rig.visit('/', { headers: { 'x-large': 'a'.repeat(200 * 1024) } })).status).toBe(431);
});

test('a service with a self-signed certificate', async () => {
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
  await rig.forwardTo(server, 'https');
  const { body } = await rig.visit('/', { headers: { origin: `http://${rig.host}` } });
  expect(body).toBe(`localhost:${rig.service?.port} https://localhost:${rig.service?.port}`);
});

test("a page calls an API on another port, which allows the page as on the student's own machine", async () => {
  const pages = () => `http://localhost:${rig.service?.port}`;
  await rig.serve((incoming, response) => {
    const { origin = 'none' } = incoming.headers;
    response.writeHead(incoming.url === '/done' ? 302 : 200, {
      'access-control-allow-origin': pages(),
      location: `${pages()}/done`,
    });
    response.end(origin);
  });
  const api = rig.service;
  await rig.serve((_request, response) =>
    response.writeHead(302, { location: `http://localhost:${api?.port}/x` }).end(),
  );
  const apiHost = `alice-4000.test:${rig.port}`;
  rig.additionalLinks = [
    { hostname: 'alice-4000.test', url: `http://${apiHost}`, service: api, isOpen: true },
  ];
  await rig.publish(rig.route(), { ...rig.route(), id: routeId('alice-4000'), hostname: 'alice-4000.test' });

  const call = (origin: string) => rig.visit('/done', { host: apiHost, headers: { origin } });
  const called = await call(`http://${rig.host}`);
  expect(called.headers['access-control-allow-origin']).toBe(`http://${rig.host}`);
  expect([called.body, called.headers.location]).toEqual([pages(), `http://${rig.host}/done`]);
  expect((await call('http://bob.test')).body).toBe('http://bob.test');
  expect((await rig.visit()).headers.location).toBe(`http://${apiHost}/x`);

  rig.additionalLinks = rig.additionalLinks.map((link) => ({ ...link, isOpen: false }));
  expect((await call(`http://${rig.host}`)).status).toBe(503);
  expect((await rig.visit()).headers.location).toBe(`http://localhost:${api?.port}/x`);
});

test("the relay refuses a hostname that is not the student's", async () => {
  await rig.serve((_request, response) => response.end('secret'));
  rig.isInside = true;
  const rebound = await browse({ port: rig.relay.port, host: 'evil.example' });
  expect([rebound.status, rebound.body]).toEqual([421, 'evil.example does not lead here.\n']);
  expect((await browse({ port: rig.relay.port, host: 'localhost' })).body).toBe('secret');
});

test('a hostname template in capitals gives hostnames in lower case', async () => {
  const edge = createInProcessEdge({ hostname: '{student}.Lab.test' });
  expect(edge.knownHostname('alice')).toBe('alice.lab.test');
});

test('an address in use fails the start, with what to do', async () => {
  const second = createInProcessEdge({ listen: `127.0.0.1:${rig.port}` });
  await expect(second.start()).rejects.toMatchObject({
    code: 'edge',
    next: expect.stringContaining('DEVENV_LISTEN'),
  });
});

test('visitors over the limit of one hostname get a 503; other hostnames are not affected', async () => {
  await rig.serve((_request, response) => response.end('fine'));
  const proxy = new LocalProxy(2);
  const route = { ...rig.route(), direct: null };
  proxy.setRoutes([route, { ...route, hostname: 'alice.test.bob' }]);
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

const relayWith = (limits: ConnectionLimits) =>
  startRelay({
    port: 0,
    host: '127.0.0.1',
    keyHash: '',
    isInside: () => true,
    limits,
    ownLink: () => ({ hostname: 'a.test', url: 'http://a.test', service: rig.service, isOpen: true }),
    identity: () => ({ instance: 'test', student: 'a' }),
    status: () => ({ phase: 'open', isStarting: true }),
  });

test('the relay closes connections over its limit', async () => {
  const relay = await relayWith({ visitors: 1, surplus: 0 });
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
  expect(html.body).toContain('The app is starting.');
  await relay.close();
});

test('a relay that a flood occupies answers visitors that it is busy, and still identifies the link', async () => {
  await rig.serve((request, response) => {
    if (request.method === 'GET') response.end('fine');
  });
  const relay = await relayWith({ visitors: 2, surplus: 20 });
  const slow = () => {
    const socket = connect(relay.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nx');
    return socket.resume();
  };
  const occupying = [slow(), slow()];
  const ask = (path: string, options: Partial<Visit> = {}) =>
    browse({ port: relay.port, host: 'a.test', path, ...options });
  await waitFor('the relay to be occupied', async () => (await ask('/')).body.includes('too many visitors'));
  expect((await ask('/')).status).toBe(503);
  const surplus = Array.from({ length: 40 }, slow);
  const route = ownRoute('a', 'a.test', `http://127.0.0.1:${relay.port}`);
  const found = await awaitRelayIdentity(originAddress(route), {
    route,
    instance: 'test',
    clock: systemClock,
    retryMs: 50,
    signal: AbortSignal.timeout(WAIT_TIMEOUT_MS),
  });
  expect(found).toBeNull();
  await Promise.all(surplus.map((socket) => socket.destroyed || once(socket, 'close')));
  expect(occupying.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  for (const socket of occupying) socket.destroy();
  await relay.close();
});

test('the local edge checks a live link past its own limit of visitors', async () => {
  const { edge } = rig;
  const route = rig.route();
  await rig.publish();
  // The edge has no place for the hostname, here since it does not know it.
  expect((await rig.visit()).status).toBe(404);
  expect(await edge.recheck(route, AbortSignal.timeout(WAIT_TIMEOUT_MS))).toEqual({ kind: 'live' });
});

/** An address of this host at which no program listens. */
const dead = async () => ({ host: '127.0.0.1', port: await freePort() });

test('a relay is dialled at its own address once it has identified itself there, and no longer when it stops', async () => {
  await rig.serve((_request, response) => response.end('fine'));
  const { host, port } = await dead();
  await rig.publish({ ...rig.route(), origin: `http://${host}:${port}` });
  expect((await rig.visit()).status).toBe(502);
  rig.edge.setRelayAddress?.('alice', { host: '127.0.0.1', port: rig.relay.port });
  await waitFor('the direct way', async () => (await rig.visit()).body === 'fine');
  rig.edge.setRelayAddress?.('alice', null);
  await waitFor('its end', async () => (await rig.visit()).status === 502);
});

test('an address where another relay answers is not dialled', async () => {
  await rig.serve((_request, response) => response.end('fine'));
  let asked = 0;
  const other = await startRelay({
    port: 0,
    host: '127.0.0.1',
    keyHash: hashRelayKey(RELAY_KEY),
    isInside: () => false,
    ownLink: () => ({ hostname: 'alice.test', url: 'http://alice.test', service: null, isOpen: true }),
    identity() {
      asked += 1;
      return { instance: 'test', student: 'bob' };
    },
    status: () => ({ phase: 'open', isStarting: true }),
  });
  rig.edge.setRelayAddress?.('alice', { host: '127.0.0.1', port: other.port });
  await waitFor('the checks', () => asked > 1);
  expect((await rig.visit()).body).toBe('fine');
  await other.close();
});

test('where the direct address stops answering, visitors come through the port of the host', async () => {
  await rig.serve((request, response) => request.pipe(response));
  const proxy = new LocalProxy();
  const port = await proxy.listen(0, '127.0.0.1');
  const routes = [{ ...rig.route(), direct: await dead() }];
  const post = () => browse({ port, host: 'alice.test', method: 'POST', body: 'sent' });
  proxy.setRoutes(routes);
  expect((await browse({ port, host: 'alice.test' })).status).toBe(200);
  expect((await post()).body).toBe('sent');
  proxy.setRoutes(routes);
  // A body that may be lost in part is not sent again.
  expect((await post()).status).toBe(502);
  expect((await post()).body).toBe('sent');
  await proxy.close();
});

test('a link whose port of the host is dead is not live, though visitors reach it at the direct address', async () => {
  await rig.serve((_request, response) => response.end('fine'));
  const { host, port } = await dead();
  const route = { ...rig.route(), origin: `http://${host}:${port}` };
  await rig.publish(route);
  rig.edge.setRelayAddress?.('alice', { host: '127.0.0.1', port: rig.relay.port });
  await waitFor('the direct way', async () => (await rig.visit()).body === 'fine');
  const signal = AbortSignal.timeout(500);
  expect(await Promise.all([rig.edge.confirm(route, signal), rig.edge.recheck(route, signal)])).toMatchObject(
    [{ kind: 'not-live' }, { kind: 'not-live' }],
  );
});
