/** What takes the space in a home. */
import { largestOf } from '../../../../hooks/agent/home-usage.ts';

/** The search's output for paths with their bytes. */
const output = (entries: Record<string, number>) =>
  Object.entries(entries)
    .map(([path, bytes]) => `${bytes}\t${path === '.' ? '.' : `./${path}`}\0`)
    .join('');

test('the largest entries are those that tell most, and none is inside of another', () => {
  const found = largestOf(
    output({
      '.': 1000,
      app: 600,
      'app/node_modules': 550,
      'app/node_modules/a': 200,
      videos: 250,
      'videos/a': 100,
      'videos/b': 100,
      '.cache': 100,
      small: 5,
    }),
  );
  expect(found).toEqual([
    { path: 'app/node_modules', bytes: 550 },
    { path: 'videos', bytes: 250 },
    { path: '.cache', bytes: 100 },
  ]);
});

test('names may contain tabs and line ends, and are shortened', () => {
  expect(largestOf(output({ '.': 10, 'a\tb\nc': 7 }))).toEqual([{ path: 'a\tb\nc', bytes: 7 }]);
  expect(largestOf(output({ '.': 10, ['x'.repeat(300)]: 7 }))[0]?.path).toHaveLength(200);
  expect(largestOf('')).toEqual([]);
});
