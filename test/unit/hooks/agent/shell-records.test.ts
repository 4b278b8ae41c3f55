/** The hooks' records as the agent reads them: of living shells, of ended ones, and with any other content. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Process, ProcessTable } from '../../../../hooks/agent/process-table.ts';
import { parseShellRecord, readShellRecords } from '../../../../hooks/agent/shell-records.ts';

const seed = Date.now() % 2 ** 31;

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

test('a record', () => {
  expect(parseShellRecord(42, record(), 5)).toEqual({
    pid: 42,
    id: '42:9001',
    count: 7,
    phase: 'run',
    portVariable: 'ok',
    quiet: false,
    command: 'npm run dev',
    writtenAt: 5,
  });
});

test(`a file with any content is a valid record or none (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.string().map((text) => record({ command: text, port: text })),
      ),
      (text) => {
        const shell = parseShellRecord(1, text, 0);
        if (shell !== null) expect(['ok', 'unset', 'changed']).toContain(shell.portVariable);
      },
    ),
    { seed },
  );
  expect(parseShellRecord(1, record({ phase: 'open' }), 0)).toBeNull();
  expect(parseShellRecord(1, record({ start: '9 rm' }), 0)).toBeNull();
  expect(parseShellRecord(1, '', 0)).toBeNull();
});

let run = '';
let folder = '';
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'devenv-shells-'));
  folder = join(run, 'shells');
  mkdirSync(folder);
  mkdirSync(join(run, 'messages'));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

/** A process table of living shells, by pid and start time. */
function tableOf(...shells: [number, number][]): Pick<ProcessTable, 'all'> {
  const all = shells.map(
    ([pid, startTicks]) => [pid, { pid, id: `${pid}:${startTicks}` } as Process] as const,
  );
  return { all: new Map(all) };
}

const write = (pid: number, phase: string, start: number) =>
  writeFileSync(
    join(folder, String(pid)),
    `${'7'.padEnd(10)}${phase.padEnd(8)}${'ok'.padEnd(8)}0 ${String(start).padEnd(20)}${'npm run dev'.padEnd(160)}\n`,
  );

test('the record of an earlier shell with the same pid is returned as ended, and removed', () => {
  write(42, 'exited', 100);
  write(43, 'run', 200);
  for (const pid of ['42', '43']) writeFileSync(join(run, 'messages', pid), 'live at …\n');
  const { living, ended } = readShellRecords(run, tableOf([42, 101], [43, 200]));
  expect(living.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['43:200 run']);
  expect(ended.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['42:100 exited']);
  expect(readdirSync(folder)).toEqual(['43']);
  // Its messages are removed too: the later shell would show them.
  expect(readdirSync(join(run, 'messages'))).toEqual(['43']);
});

test('folders, devices, pipes and links in place of files are skipped without blocking', () => {
  mkdirSync(join(folder, '1'));
  symlinkSync('/dev/zero', join(folder, '2'));
  symlinkSync('3', join(folder, '3'));
  execFileSync('mkfifo', [join(folder, '4')]);
  write(5, 'prompt', 1);
  expect(readShellRecords(run, tableOf([1, 1], [2, 1], [3, 1], [4, 1], [5, 1])).living).toMatchObject([
    { pid: 5 },
  ]);
  expect(readShellRecords(join(folder, '5'), tableOf())).toEqual({ living: [], ended: [] });
});

test(`files with any content yield only living shells with valid fields (seed ${seed})`, () => {
  const column = (width: number) => fc.string({ unit: 'binary', maxLength: width + 2 });
  const phases = fc.oneof(column(8), fc.constantFrom('start', 'prompt', 'run', 'exited', 'lost'));
  const line = fc
    .tuple(column(10), phases, column(8), column(2), column(20), column(200))
    .map(([count, phase, port, quiet, start, command]) =>
      [count.padEnd(10), phase.padEnd(8), port.padEnd(8), quiet.padEnd(2), start.padEnd(20), command].join(
        '',
      ),
    );
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 5 }), (files) => {
      for (const [index, content] of files.entries()) writeFileSync(join(folder, String(index + 1)), content);
      const { living } = readShellRecords(run, tableOf([1, 1], [2, 1], [3, 1], [4, 1], [5, 1]));
      for (const shell of living) {
        expect(shell.id).toBe(`${shell.pid}:1`);
        expect(['start', 'prompt', 'run', 'exited', 'lost']).toContain(shell.phase);
        expect(['ok', 'unset', 'changed']).toContain(shell.portVariable);
      }
    }),
    { seed, numRuns: 200 },
  );
});
