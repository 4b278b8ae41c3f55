/** Which connections are closed where there is no room. */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { jest } from '@jest/globals';
import {
  addressKey,
  ConnectionLimits,
  connectionsFor,
} from '../../../../../orchestrator/edges/local/connection-limits.ts';

class FakeSocket extends EventEmitter {
  isReset = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  resetAndDestroy(): void {
    this.isReset = true;
    this.emit('close');
  }
}

interface Visitor {
  socket: FakeSocket;
  isAdmitted: boolean;
}

function connect(limits: ConnectionLimits, address = '192.0.2.1'): Visitor {
  const socket = new FakeSocket(address);
  return { socket, isAdmitted: limits.admit(socket as unknown as Socket) };
}

/** A request of the visitor; `end` completes its body, `close` its response. */
function begin(limits: ConnectionLimits, { socket }: Visitor, hasBody = false) {
  const request = Object.assign(new EventEmitter(), {
    socket,
    headers: hasBody ? { 'content-length': '5' } : {},
  });
  const response = new EventEmitter();
  limits.begin(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  return { end: () => request.emit('end'), close: () => response.emit('close') };
}

test('a new connection replaces the one that has been idle for longest', () => {
  const limits = new ConnectionLimits({ maxTotal: 3, maxPerAddress: 3 });
  const [first, second, third] = [connect(limits), connect(limits), connect(limits)];
  begin(limits, first).close();
  expect(connect(limits).isAdmitted).toBe(true);
  expect([first, second, third].map(({ socket }) => socket.isReset)).toEqual([false, true, false]);
  expect(limits.count).toBe(3);
});

test('a connection in use stays; where all are in use, a new one is refused', () => {
  const onLimit = jest.fn();
  const limits = new ConnectionLimits({ maxTotal: 2, maxPerAddress: 2, onLimit });
  const [page, chat] = [connect(limits), connect(limits)];
  const visit = begin(limits, page);
  limits.upgrade(chat.socket as unknown as Socket);
  expect(connect(limits).isAdmitted).toBe(false);
  visit.close();
  expect(connect(limits).isAdmitted).toBe(true);
  expect([page.socket.isReset, chat.socket.isReset]).toEqual([true, false]);
  expect(onLimit).toHaveBeenCalledTimes(2);
});

test('where none is idle, the longest upload is replaced, but no complete request', () => {
  const limits = new ConnectionLimits({ maxTotal: 3, maxPerAddress: 3 });
  const [first, second, third] = [connect(limits), connect(limits), connect(limits)];
  begin(limits, first, true).end();
  begin(limits, second, true);
  begin(limits, third, true);
  expect(connect(limits).isAdmitted).toBe(true);
  expect([first, second, third].map(({ socket }) => socket.isReset)).toEqual([false, true, false]);
});

test('with pipelined requests a connection is in use until the last response', () => {
  const limits = new ConnectionLimits({ maxTotal: 1, maxPerAddress: 1 });
  const visitor = connect(limits);
  const [one, two] = [begin(limits, visitor), begin(limits, visitor)];
  one.close();
  expect(connect(limits).isAdmitted).toBe(false);
  two.close();
  expect(connect(limits).isAdmitted).toBe(true);
});

test('one address has at most half, replaces only its own, and a reverse proxy on this host has no limit of its own', () => {
  const limits = new ConnectionLimits({ maxTotal: 8 });
  const others = connect(limits, '192.0.2.2');
  const own = Array.from({ length: 5 }, () => connect(limits));
  expect(own.map(({ socket }) => socket.isReset)).toEqual([true, false, false, false, false]);
  expect(others.socket.isReset).toBe(false);
  const proxied = Array.from({ length: 3 }, () => connect(limits, '::ffff:127.0.0.1'));
  expect(limits.count).toBe(8);
  for (const visitor of [...own.slice(1), ...proxied]) visitor.socket.emit('close');
  expect(limits.count).toBe(1);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['127.0.0.1', null],
  ['::1', null],
  ['127.0.0.9', '127.0.0.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});

test('the total fits into the limit of open files', () => {
  expect([1_048_576, 20_000, 1024, 100].map(connectionsFor)).toEqual([8000, 8000, 412, 1]);
});
