import { sizeInBytes } from '../../../../orchestrator/environments/container-options.ts';
import {
  agentModules,
  contextHash,
  imageContext,
  stripModule,
} from '../../../../orchestrator/environments/image-context.ts';
import { parseStarter } from '../../../../orchestrator/environments/starter.ts';

test('a module is stripped of its types, and its imports name the stripped files', () => {
  const source = `import type { A } from '../../x/y.ts';\nimport { b } from './b.ts';\nconst c: number = b;\nexport const d = () => import('./d.ts');\nexport { c } from "../e.ts";\n`;
  const stripped = stripModule(source);
  expect(stripped).toContain("from './b.js'");
  expect(stripped).toContain("import('./d.js')");
  expect(stripped).toContain('from "../e.js"');
  expect(stripped).not.toMatch(/: number|x\/y/);
});

test('the image holds exactly the modules that the agent runs, and no package', () => {
  const names = imageContext('').flatMap(({ name }) =>
    name.endsWith('.js') && name.startsWith('devenv/') ? [name] : [],
  );
  expect(names).toContain('devenv/hooks/agent/main.js');
  expect(names).toContain('devenv/orchestrator/proxy/forward-request.js');
  expect(names.filter((name) => /messages|contract|environments|edges/.test(name))).toEqual([]);
  for (const code of agentModules().values()) {
    for (const [, imported = ''] of code.matchAll(/(?:\bfrom|\bimport\s*\(?)\s*['"]([^'"]+)['"]/g))
      expect(imported).toMatch(/^(node:|\.{1,2}\/)/);
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
