/** Plain tables: columns as wide as their content, without borders or trailing spaces, easy to parse. */
import Table from 'cli-table3';
import { printableLine } from '../protocol/printable-text.ts';

const noBorders = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((place) => [place, '']),
);

export function table(head: readonly string[] | null, rows: readonly (readonly string[])[]): string {
  const content = new Table({
    ...(head && { head: [...head] }),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  // A line end in a cell would let a container's text look like another row.
  content.push(...rows.map((row) => row.map(printableLine)));
  return content
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
