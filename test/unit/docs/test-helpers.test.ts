/** test/README.md lists exactly the helpers in test/support. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const testFolder = join(import.meta.dirname, '../..');

test('the index of the test helpers names every file in test/support, and no other', () => {
  const files = readdirSync(join(testFolder, 'support'), { withFileTypes: true }).map((entry) =>
    entry.isDirectory() ? `${entry.name}/` : entry.name,
  );
  const readme = readFileSync(join(testFolder, 'README.md'), 'utf8');
  const index = readme.slice(readme.indexOf('## Helpers'));
  const listed = [...index.matchAll(/`([\w-]+(?:\.ts|\/))`/g)].map(([, name]) => name);
  expect(listed.sort()).toEqual(files.sort());
});
