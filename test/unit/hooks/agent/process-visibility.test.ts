/** Who is private stays so in the moments in which the process table is behind. */
import { join } from 'node:path';
import { ProcessVisibility } from '../../../../hooks/agent/process-visibility.ts';
import { FakeProc, shellOf } from '../../../support/fake-proc.ts';

let proc: FakeProc;
let privacy: ProcessVisibility;

beforeEach(() => {
  proc = new FakeProc();
  privacy = new ProcessVisibility({ file: join(proc.folder, 'started'), port: 3001 });
  proc.run(1, { parent: 0, command: 'sh' });
});

afterEach(() => proc.remove());

test('an orphan that is in the table one look after its private shell has ended', () => {
  const shell = shellOf(7, { port: 'changed', phase: 'exited' });
  expect(privacy.follow(proc.table(), [], [shell])(9)).toBe(true);
  proc.run(9, { parent: 1, command: 'node server.js' });
  expect(privacy.follow(proc.table(), [], [])(9)).toBe(false);
  expect(privacy.follow(proc.table(), [], [])(9)).toBe(false);
});

test('a server whose process is not known yet is private while anything may have made it so', () => {
  const other = shellOf(6);
  const shell = shellOf(7, { port: 'unset' });
  for (const { pid } of [other, shell]) proc.run(pid, { parent: 1, command: 'bash' });
  expect(privacy.follow(proc.table(), [other], [])(null)).toBe(true);
  expect(privacy.follow(proc.table(), [other, shell], [])(null)).toBe(false);
  expect(privacy.follow(proc.table(), [other], [shell])(null)).toBe(false);
  expect(privacy.follow(proc.table(), [other], [])(null)).toBe(false);
  expect(privacy.follow(proc.table(), [other], [])(null)).toBe(true);
});
