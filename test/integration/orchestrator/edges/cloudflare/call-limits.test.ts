/** A call's timeout covers the last byte of its answer: a body that stalls behind the headers delays no run longer. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallKind } from '../../../../cloudflare/index.ts';
import { countsSince, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

/** In ms. */
const CALL_TIMEOUT = 400;
/** What the machine may take besides, in ms. */
const SLACK = 20_000;

const took = async (task: () => Promise<unknown>) => {
  const started = performance.now();
  await task();
  return performance.now() - started;
};

test.each<[CallKind, boolean]>([
  ['dns-batch', true],
  ['dns-batch', false],
  ['config-get', false],
  ['config-put', true],
  ['config-put', false],
])('the body of a %s stalls (applied: %s): given up in time, read back, and done', (kind, applied) =>
  withRig({ dns: 'session', callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind }, { kind: 'stalled-body', applied });
    const from = mock.calls.length;
    // Given up, waited out where it may still arrive, and tried again after the first pause.
    expect(await took(() => setAll(rig, 'open', ['alice']))).toBeLessThan(CALL_TIMEOUT * 2 + SLACK);
    expect(mock.calls[from + (kind === 'dns-batch' ? 0 : kind === 'config-get' ? 1 : 2)]).toMatchObject({
      kind,
      fault: 'stalled-body',
      abandoned: true,
    });
    if (applied) expect(countsSince(mock, from)[kind]).toBe(1);
    expect(rig.rules()).toHaveLength(2);
    expect(mock.overlaps).toEqual([]);
    expect(rig.log.text()).not.toMatch(/another writer wrote/);
  }),
);

test('an answer that trickles is given up like one that stalls', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const trickle = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(trickle));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await withRig({ callTimeoutMs: CALL_TIMEOUT, baseUrl }, async ({ rig }) => {
      expect(await took(() => rig.edge.start())).toBeLessThan(CALL_TIMEOUT * 2 + SLACK);
      expect(rig.log.text()).toContain('no answer in time');
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test.each<[CallKind, number]>([
  ['config-get', 0],
  // Its answer is worth a while: the next process then has nothing to wait out.
  ['config-put', 3000],
])('a daemon that goes does not wait for the stalled body of a %s', (kind, patience) =>
  withRig({ callTimeoutMs: 60_000 }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind }, { kind: 'stalled-body', applied: true });
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the call', () =>
      mock.calls.some(({ fault, status }) => fault !== null && status === 200),
    );
    expect(await took(() => rig.stop())).toBeLessThan(patience + SLACK);
    const next = another({ disk: rig.disk, callTimeoutMs: CALL_TIMEOUT });
    next.registerStudent('alice');
    next.setDesired('alice', true);
    await next.start();
    await waitForRig(next, 'the link', () => next.phase('alice') === 'open');
    expect(next.rules()).toHaveLength(2);
  }),
);
