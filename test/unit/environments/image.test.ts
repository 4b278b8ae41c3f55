import { sizeInBytes } from '../../../orchestrator/environments/container.ts';
import { contextHash, imageContext, stripModule } from '../../../orchestrator/environments/image-context.ts';
import { parseStarter } from '../../../orchestrator/environments/starter.ts';

test('a module is stripped of its types, and its imports name the stripped files', () => {
  const source = `import type { A } from '../../x/y.ts';\nimport { b } from './b.ts';\nconst c: number = b;\nexport const d = () => import('./d.ts');\nexport { c } from "../e.ts";\n`;
  const stripped = stripModule(source);
  expect(stripped).toContain("from './b.js'");
  expect(stripped).toContain("import('./d.js')");
  expect(stripped).toContain('from "../e.js"');
  expect(stripped).not.toMatch(/: number|x\/y/);
});

test('the agent in the image stands alone: nothing imports from outside its folder', () => {
  const entries = imageContext('').filter(
    (entry) => entry.name.startsWith('devenv/agent/') && 'content' in entry,
  );
  const modules = entries.filter((entry) => entry.name.endsWith('.js'));
  expect(modules.map((entry) => entry.name)).toContain('devenv/agent/main.js');
  const names = new Set(modules.map((entry) => entry.name));
  for (const entry of modules) {
    if (!('content' in entry)) continue;
    for (const [, target = ''] of entry.content
      .toString()
      .matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) {
      expect(names).toContain(new URL(target, `file:///${entry.name}`).pathname.slice(1));
    }
  }
});

test("the image's name changes with its inputs, and only with them", () => {
  const entries = imageContext('');
  expect(contextHash(entries, 'auto')).toBe(contextHash(imageContext(''), 'auto'));
  expect(contextHash(entries, 'auto')).not.toBe(contextHash(entries, 'debian'));
  expect(contextHash(entries, 'auto')).not.toBe(
    contextHash(imageContext('Acquire::http::proxy "http://x";\n'), 'auto'),
  );
  const name = 'extra';
  expect(contextHash([...entries, { name, mode: 0o644, content: Buffer.from('') }], 'auto')).not.toBe(
    contextHash(entries, 'auto'),
  );
});

test.each([
  ['512k', 524_288],
  ['256m', 268_435_456],
  ['2g', 2_147_483_648],
])('%s is %i bytes', (size, bytes) => {
  expect(sizeInBytes(size)).toBe(bytes);
});

test('a starter is a folder or a git address', () => {
  expect(parseStarter(null)).toEqual({ kind: 'built-in' });
  expect(parseStarter('/tmp')).toEqual({ kind: 'folder', path: '/tmp' });
  for (const address of ['https://example.com/a.git', 'git@example.com:a/b.git', 'ssh://git@example.com/a']) {
    expect(parseStarter(address)).toEqual({ kind: 'git', address });
  }
  for (const wrong of ['/not/there', '--upload-pack=x', 'lesson']) {
    expect(() => parseStarter(wrong)).toThrow(expect.objectContaining({ code: 'bad-settings' }));
  }
});
