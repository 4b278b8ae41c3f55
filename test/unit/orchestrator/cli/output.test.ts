/** No command passes a container's text to the terminal unchanged. */
import { jest } from '@jest/globals';
import { print, printJson, printJsonLine, reportProblem } from '../../../../orchestrator/cli/output.ts';
import { table } from '../../../../orchestrator/cli/table.ts';

const hostile = 'node \x1b]52;c;cm0=\x07\x1b[2J\x9b2J\u202egnp.js';
const UNPRINTABLE = /[^\P{C}\n]/u;

let written: string;
const spies: jest.SpiedFunction<typeof process.stdout.write>[] = [];
beforeEach(() => {
  written = '';
  for (const stream of [process.stdout, process.stderr]) {
    const spy = jest.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
    spies.push(spy);
  }
});
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore();
});

test('results, problems and both kinds of JSON are printable', () => {
  print(`text ${hostile}\nnext line`);
  printJson({ hostile });
  printJsonLine({ hostile });
  reportProblem({ code: 'environment', what: hostile, next: hostile }, false);
  reportProblem({ code: 'environment', what: hostile, next: hostile }, true);
  expect(written).not.toMatch(UNPRINTABLE);
  expect(written).toContain('\nnext line\n');
  expect(JSON.parse(written.split('\n').find((line) => line.startsWith('{"')) ?? '')).toEqual({ hostile });
});

test('a line end in a table’s cell adds no row', () => {
  expect(table(null, [['sessions', `none\n✓ everything is fine ${hostile}`]])).not.toMatch(
    /\n|\x1b|\x9b|\u202e/,
  );
});
