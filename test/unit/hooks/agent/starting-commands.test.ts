/** One start has one id, whether its typed line or its process is found first. */
import {
  matchesCommand,
  StartingCommandFinder,
  significantWords,
} from '../../../../hooks/agent/starting-commands.ts';
import { FakeProc, shellOf } from '../../../support/fake-proc.ts';

let proc: FakeProc;

beforeEach(() => {
  proc = new FakeProc();
  proc.run(7, { parent: 1, command: 'bash' });
});

afterEach(() => proc.remove());

const typed = shellOf(7, { count: 3, phase: 'run', command: 'npm run dev' });
const prompt = shellOf(7, { count: 4 });

/** The ids of the starting commands in one poll. */
function idsOf(finder: StartingCommandFinder, shell: ReturnType<typeof shellOf>): string[] {
  const sources = { table: proc.table(), shells: [shell], patterns: ['npm run dev'], isPublic: () => true };
  return finder.find(sources).starting.map(({ id }) => id);
}

test('a process that is found when its shell already waits again has the id of the line typed before', () => {
  const finder = new StartingCommandFinder();
  expect(idsOf(finder, typed)).toEqual(['7:7/3']);
  proc.run(9, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['7:7/3']);
  expect(idsOf(finder, prompt)).toEqual(['7:7/3']);
  // A later process is another start.
  proc.end(9);
  expect(idsOf(finder, prompt)).toEqual([]);
  proc.run(10, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['10:10']);
});

test('a process that appears too late has its own id, not that of the typed line', () => {
  const finder = new StartingCommandFinder();
  const before = { ...typed, writtenAt: Date.now() - 2900 };
  expect(idsOf(finder, before)).toEqual(['7:7/3']);
  const later = { ...typed, writtenAt: Date.now() - 4000 };
  expect(idsOf(finder, later)).toEqual(['7:7/3']);
  proc.run(9, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['9:9']);
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
])('the command %p matches the pattern %p: %p', (line, pattern, expected) => {
  expect(matchesCommand(significantWords(line.split(' ')), pattern)).toBe(expected);
});
