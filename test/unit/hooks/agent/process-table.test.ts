/** Lines of /proc/PID/stat, also hostile ones. */
import { parseStat } from '../../../../hooks/agent/process-table.ts';

const stat = (name: string, device: number) =>
  `42 (${name}) S 1 42 42 ${device} 77 0 0 0 0 0 0 0 0 0 0 0 0 0 9001 0 0\n`;

test('fields of a stat line count from the last parenthesis, whatever the name contains', () => {
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

test('zombies and garbage are not processes', () => {
  expect(parseStat(stat('sh', 0).replace(') S', ') Z'))).toBeNull();
  for (const text of ['', '42', 'x (y) S', '()']) expect(parseStat(text)).toBeNull();
});
