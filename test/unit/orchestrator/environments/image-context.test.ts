/** What the student image is built from. */
import {
  agentModules,
  contextHash,
  imageContext,
  stripModule,
} from '../../../../orchestrator/environments/image-context.ts';

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
