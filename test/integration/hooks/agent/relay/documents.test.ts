/** Documents that contain the app's own address arrive with the link's; everything else arrives byte for byte. */
import { once } from 'node:events';
import { type ServerResponse, request as sendRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

const DOCUMENT = { accept: 'text/html,*/*', 'accept-encoding': 'gzip' };

/** Serves a body with headers; the text OWN becomes the app's address. Returns what a visitor gets. */
async function answerOf(body: string, headers: Record<string, string>, sent: Record<string, string> = {}) {
  await rig.serve((request, response) => {
    const text = Buffer.from(body.replaceAll('OWN', `http://${request.headers.host}`));
    const isCompressed = request.headers['accept-encoding'] === 'gzip';
    const bytes = isCompressed ? gzipSync(text) : text;
    response.writeHead(200, {
      'content-length': bytes.length,
      ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
      ...headers,
    });
    response.end(bytes);
  });
  return rig.visit('/', { headers: sent });
}

test.each([
  ['text/html; charset=utf-8', '<a href="OWN/hôme">ü</a><script>x = "OWN"</script>', DOCUMENT],
  ['application/json', '{"url":"OWN/home"}', {}],
  ['application/problem+json', '{"type":"OWN/home"}', {}],
])('%s %s names the link', async (type, body, sent) => {
  const { body: seen, headers } = await answerOf(
    body,
    { 'content-type': type, 'accept-ranges': 'bytes' },
    sent,
  );
  expect(seen).toBe(body.replaceAll('OWN', `http://${rig.host}`));
  expect(headers['accept-ranges']).toBeUndefined();
});

test('escaped addresses keep their spelling', async () => {
  await rig.serve((request, response) => {
    const escaped = `http://${request.headers.host}/a`.replaceAll('/', '\\/');
    response.setHeader('content-type', 'application/json').end(`{"url":"${escaped}"}`);
  });
  expect(JSON.parse((await rig.visit('/')).body)).toEqual({ url: `http://${rig.host}/a` });
});

const unchanged: [string, Record<string, string>, Record<string, string>][] = [
  ['a script', { 'content-type': 'text/javascript' }, {}],
  ['an event stream', { 'content-type': 'text/event-stream' }, {}],
  ['an image', { 'content-type': 'image/png' }, {}],
  ['a compressed answer to fetch', { 'content-type': 'application/json' }, { 'accept-encoding': 'gzip' }],
  [
    'a page whose policy has digests of its scripts',
    { 'content-type': 'text/html', 'content-security-policy': "script-src 'sha256-x'" },
    {},
  ],
  ['a body with a digest', { 'content-type': 'application/json', 'content-digest': 'sha-256=:x:' }, {}],
  ['an answer to a range', { 'content-type': 'application/json' }, { range: 'bytes=0-' }],
];
test.each(unchanged)('%s passes byte for byte', async (_name, headers, sent) => {
  const { headers: seen } = await answerOf('{"a":"OWN"}', headers, sent);
  expect(seen['content-length']).toBeDefined();
  if (sent['accept-encoding'] !== undefined) expect(seen['content-encoding']).toBe('gzip');
});

test('a download of over 1 MB keeps its bytes and its length', async () => {
  const body = `{"a":"OWN${'x'.repeat(1024 * 1024)}"}`;
  const { body: seen, headers } = await answerOf(body, { 'content-type': 'application/json' });
  expect(headers['content-length']).toBe(String(seen.length));
  expect(seen).toContain('http://localhost:');
});

test('a streamed page arrives chunk by chunk, also if an address is split', async () => {
  let app: ServerResponse | null = null;
  await rig.serve((_request, response) => {
    app = response;
    response.setHeader('content-type', 'text/html').write('<p>first</p>');
  });
  const outgoing = sendRequest({ port: rig.port, headers: { host: rig.host } }).end();
  const [incoming] = await once(outgoing, 'response');
  let seen = '';
  incoming.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  await waitFor('the first chunk', () => seen === '<p>first</p>');
  const response = await waitFor('the app', () => app as ServerResponse | null);
  const address = `<a href="http://localhost:${rig.service?.port}/x">`;
  for (const [at, sign] of [...address].entries()) {
    response.write(sign);
    if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
  await once(incoming, 'end');
  expect(seen).toBe(`<p>first</p><a href="http://${rig.host}/x">`);
});
