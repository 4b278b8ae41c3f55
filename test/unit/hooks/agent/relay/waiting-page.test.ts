/** The page that visitors see while the service gives no response. */
import { runInNewContext } from 'node:vm';
import { waitingPage } from '../../../../../hooks/agent/relay/waiting-page.ts';

test.each([
  ['starting', 'The app is starting.'],
  ['not-running', 'Nothing is running right now.'],
  ['no-answer', 'The app ended before it answered'],
  ['not-http', 'does not answer like a web server'],
  ['closed', 'This link is closed right now.'],
] as const)(
  'the waiting page (%s) is small, escapes the name, and needs no other request',
  (reason, words) => {
    const page = waitingPage({ student: '<b>&"', phase: 'open', reason, isGet: true });
    expect(page).toContain('&lt;b&gt;&amp;&quot;');
    expect(page).not.toMatch(/<b>|https?:|src=|href="(?!data:)/);
    expect(page).toContain(words);
    expect(Buffer.byteLength(page)).toBeLessThan(4096);
  },
);

test('the page of a closed link gives no reason: it may be private', () => {
  const page = waitingPage({ student: 'alice', phase: 'closed', reason: 'closed', isGet: true });
  expect(page).not.toMatch(/nobody|owner|at work|instructor/i);
});

test.each([
  '/form?a=1',
  '//evil.test/x',
  '//evil.test',
  '/\\\\evil.test/x',
  '///evil.test/x?y',
  '/.//evil.test/x',
])('a page that answers a form at %s reloads under its own host', (path) => {
  const page = waitingPage({ student: 'alice', phase: 'open', reason: 'no-answer', isGet: false });
  const [, expression = ''] = page.match(/location\.replace\((.*)\)\n/) ?? [];
  // As the browser does it: the page's address, and its argument resolved against it.
  const { origin, pathname, search, href } = new URL(`http://alice.test:8080${path}`);
  const target = runInNewContext(expression, { location: { origin, pathname, search } }) as string;
  expect(new URL(target, href).href).toBe(href);
});

test('a page that answers a form never sends it again', () => {
  const pageFor = (isGet: boolean) =>
    waitingPage({ student: 'alice', phase: 'open', reason: 'no-answer', isGet });
  expect(pageFor(true)).toContain('location.reload()');
  expect(pageFor(false)).not.toContain('location.reload()');
});
