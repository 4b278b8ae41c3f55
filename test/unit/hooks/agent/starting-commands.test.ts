/** One start is one, whatever is seen of it first: the line that was typed, or its process. */
import { StartFinder } from '../../../../hooks/agent/starting-commands.ts';
import { FakeProc, shellOf } from '../../../support/fake-proc.ts';

let proc: FakeProc;

beforeEach(() => {
  proc = new FakeProc();
  proc.run(7, { parent: 1, command: 'bash' });
});

afterEach(() => proc.remove());

const typed = shellOf(7, { count: 3, phase: 'run', command: 'npm run dev' });
const prompt = shellOf(7, { count: 4 });

/** The ids of what is starting, look by look. */
function idsOf(finder: StartFinder, shell: ReturnType<typeof shellOf>): string[] {
  const looked = { table: proc.table(), shells: [shell], patterns: ['npm run dev'], isPublic: () => true };
  return finder.find(looked).starting.map(({ id }) => id);
}

test('a process that is seen when its shell waits again already is what was typed before', () => {
  const finder = new StartFinder();
  expect(idsOf(finder, typed)).toEqual(['7:7/3']);
  proc.run(9, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['7:7/3']);
  expect(idsOf(finder, prompt)).toEqual(['7:7/3']);
  // The next one is another.
  proc.end(9);
  expect(idsOf(finder, prompt)).toEqual([]);
  proc.run(10, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['10:10']);
});

test('what was typed too long ago is not what starts now', () => {
  const finder = new StartFinder();
  const before = { ...typed, writtenAt: Date.now() - 2900 };
  expect(idsOf(finder, before)).toEqual(['7:7/3']);
  const later = { ...typed, writtenAt: Date.now() - 4000 };
  expect(idsOf(finder, later)).toEqual(['7:7/3']);
  proc.run(9, { parent: 7, command: 'npm run dev' });
  expect(idsOf(finder, prompt)).toEqual(['9:9']);
});
