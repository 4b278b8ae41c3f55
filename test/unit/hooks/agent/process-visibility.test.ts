/** Private processes stay private while the process table lags behind. */
import { join } from 'node:path';
import { ProcessVisibility } from '../../../../hooks/agent/process-visibility.ts';
import { FakeProc, shellOf } from '../../../support/fake-proc.ts';

let proc: FakeProc;
let visibility: ProcessVisibility;

beforeEach(() => {
  proc = new FakeProc();
  visibility = new ProcessVisibility({ file: join(proc.folder, 'started'), portVariable: 3001 });
  proc.run(1, { parent: 0, command: 'sh' });
});

afterEach(() => proc.remove());

test('an orphan that appears one poll after its private shell has ended is private', () => {
  const shell = shellOf(7, { portVariable: 'changed', phase: 'exited' });
  expect(visibility.update(proc.table(), [], [shell])(9)).toBe(true);
  proc.run(9, { parent: 1, command: 'node server.js' });
  expect(visibility.update(proc.table(), [], [])(9)).toBe(false);
  expect(visibility.update(proc.table(), [], [])(9)).toBe(false);
});

test('a server with an unknown process is private while a private shell may have started it', () => {
  const other = shellOf(6);
  const shell = shellOf(7, { portVariable: 'unset' });
  for (const { pid } of [other, shell]) proc.run(pid, { parent: 1, command: 'bash' });
  expect(visibility.update(proc.table(), [other], [])(null)).toBe(true);
  expect(visibility.update(proc.table(), [other, shell], [])(null)).toBe(false);
  expect(visibility.update(proc.table(), [other], [shell])(null)).toBe(false);
  expect(visibility.update(proc.table(), [other], [])(null)).toBe(false);
  expect(visibility.update(proc.table(), [other], [])(null)).toBe(true);
});
