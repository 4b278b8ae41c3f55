/** What the agent reads: kernel tables and the hooks' files, hostile ones too. */
import fc from 'fast-check';
import { parseAddress, parseTable, reachableAddress } from '../../../../hooks/agent/listeners.ts';
import { parseStat } from '../../../../hooks/agent/process-table.ts';
import { parseShellRecord } from '../../../../hooks/agent/shell-records.ts';
import { matches, significantWords } from '../../../../hooks/agent/starting-commands.ts';

const stat = (name: string, device: number) =>
  `42 (${name}) S 1 42 42 ${device} 77 0 0 0 0 0 0 0 0 0 0 0 0 0 9001 0 0\n`;

test('a stat line: fields count from the last parenthesis, whatever the name holds', () => {
  for (const name of ['bash', 'a) S 1 1 1 (b', 'x y', '(((', '\u001b[2J']) {
    expect(parseStat(stat(name, 34816 + 3))).toMatchObject({
      pid: 42,
      id: '42:9001',
      name,
      terminal: 3,
      foreground: 77,
    });
  }
});

test.each([
  [0, null],
  [1025, null],
  [34816, 0],
  [34816 + 255, 255],
  [(136 << 8) | (1 << 20), 256],
])('device %i is terminal %p', (device, terminal) => {
  expect(parseStat(stat('sh', device))?.terminal).toBe(terminal);
});

test('zombies and garbage are no processes', () => {
  expect(parseStat(stat('sh', 0).replace(') S', ') Z'))).toBeNull();
  for (const text of ['', '42', 'x (y) S', '()']) expect(parseStat(text)).toBeNull();
});

test.each([
  ['0100007F', '127.0.0.1'],
  ['00000000', '0.0.0.0'],
  ['00000000000000000000000000000000', '::'],
  ['00000000000000000000000001000000', '::1'],
  ['0000000000000000FFFF00000100007F', '127.0.0.1'],
])('address %s is %s', (hex, address) => {
  expect(parseAddress(hex)).toBe(address);
});

test('a socket table: listening ones only, with inode; a missing or broken table is empty', () => {
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
])('what listens on %p is reached at %s', (addresses, address) => {
  expect(reachableAddress(addresses)).toBe(address);
});

const record = (
  parts: Partial<Record<'count' | 'phase' | 'port' | 'quiet' | 'start' | 'command', string>> = {},
) =>
  [
    (parts.count ?? '7').padEnd(10),
    (parts.phase ?? 'run').padEnd(8),
    (parts.port ?? 'ok').padEnd(8),
    (parts.quiet ?? '0').padEnd(2),
    (parts.start ?? '9001').padEnd(20),
    (parts.command ?? 'npm run dev').padEnd(160),
    '\n',
  ].join('');

test("a shell's file", () => {
  expect(parseShellRecord(42, record(), 5)).toEqual({
    pid: 42,
    id: '42:9001',
    count: 7,
    phase: 'run',
    port: 'ok',
    quiet: false,
    command: 'npm run dev',
    writtenAt: 5,
  });
});

const seed = Date.now() % 2 ** 31;

test(`a shell's file with anything in it is a record or nothing (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.string().map((text) => record({ command: text, port: text })),
      ),
      (text) => {
        const shell = parseShellRecord(1, text, 0);
        if (shell !== null) expect(['ok', 'unset', 'changed']).toContain(shell.port);
      },
    ),
    { seed },
  );
  expect(parseShellRecord(1, record({ phase: 'open' }), 0)).toBeNull();
  expect(parseShellRecord(1, record({ start: '9 rm' }), 0)).toBeNull();
  expect(parseShellRecord(1, '', 0)).toBeNull();
});

test.each([
  ['npm run dev', 'npm run dev', true],
  ['npm run dev -- --host', 'npm run dev', true],
  ['PORT=4000 npm run dev', 'npm run dev', true],
  ['nohup npm run dev', 'npm run dev', true],
  ['/usr/local/bin/npm run dev', 'npm run dev', true],
  ['npm run build', 'npm run dev', false],
  ['echo npm run dev', 'npm run dev', false],
  ['npm run dev:web', 'npm run dev*', true],
  ['npm run', 'npm run dev', false],
  ['node server.js', 'node *.js', true],
  ['node serverxjs', 'node server.js', false],
  ['./up.sh --fast', './up.sh', true],
  ['ls', 'PORT=1', false],
])('%p against the pattern %p: %p', (line, pattern, expected) => {
  expect(matches(significantWords(line.split(' ')), pattern)).toBe(expected);
});
