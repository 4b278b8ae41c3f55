/** The kernel's socket tables, and the address at which a listener is reached. */
import { parseAddress, parseTable, reachableAddress } from '../../../../hooks/agent/listeners.ts';

test.each([
  ['0100007F', '127.0.0.1'],
  ['00000000', '0.0.0.0'],
  ['00000000000000000000000000000000', '::'],
  ['00000000000000000000000001000000', '::1'],
  ['0000000000000000FFFF00000100007F', '127.0.0.1'],
])('address %s is %s', (hex, address) => {
  expect(parseAddress(hex)).toBe(address);
});

test('a socket table yields only listening sockets; a missing or broken one yields none', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1435 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 555 1
   1: 0100007F:1435 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 556 1
`;
  expect(parseTable(table)).toEqual([{ inode: '555', port: 5173, address: '127.0.0.1' }]);
  expect(parseTable(null)).toEqual([]);
  expect(parseTable('x\ny z\n')).toEqual([]);
});

test.each([
  [['0.0.0.0'], '127.0.0.1'],
  [['::'], '::1'],
  [['::1', '127.0.0.1'], '127.0.0.1'],
  [['::1'], '::1'],
  [['172.18.0.2'], '172.18.0.2'],
])('a listener on %p is reached at %s', (addresses, address) => {
  expect(reachableAddress(addresses)).toBe(address);
});
