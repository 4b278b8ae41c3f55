/**
 * Module boundaries are lint rules in `.biome.json`. Each row here is a file with one import, linted with that
 * configuration: a boundary that stops being checked fails its row. The table in docs/architecture.md lists the rules.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = new URL('../..', import.meta.url).pathname;

/** A folder, and what a file in it imports: a relative path or a package. */
type Import = readonly [folder: string, target: string];

const refused: readonly Import[] = [
  ['orchestrator', '../hooks/agent/main.ts'],
  ['orchestrator', './students/index.ts'],
  ['orchestrator', 'dockerode'],
  ['orchestrator/agents', '../routes/index.ts'],
  ['orchestrator/agents', '../store/index.ts'],
  ['orchestrator/api', '../students/index.ts'],
  ['orchestrator/cli', '../students/index.ts'],
  ['orchestrator/cli', '../api/server.ts'],
  ['orchestrator/cli', '../environments/engine.ts'],
  ['orchestrator/cli', '../edges/local/edge-process.ts'],
  ['orchestrator/edges', './cloudflare/index.ts'],
  ['orchestrator/edges', '../students/index.ts'],
  ['orchestrator/edges/local', '../../students/index.ts'],
  ['orchestrator/edges/local', '../../environments/index.ts'],
  ['orchestrator/edges/local', '../cloudflare/index.ts'],
  ['orchestrator/edges/cloudflare', '../../students/index.ts'],
  ['orchestrator/edges/cloudflare', '../../api/client.ts'],
  ['orchestrator/edges/cloudflare', '../local/index.ts'],
  ['orchestrator/edges/cloudflare/apply', '../../../environments/index.ts'],
  ['orchestrator/edges/cloudflare/apply', '../../../api/client.ts'],
  ['orchestrator/edges/cloudflare/plan', '../apply/run.ts'],
  ['orchestrator/edges/cloudflare/plan', '../apply/outcomes.ts'],
  ['orchestrator/edges/cloudflare/plan', '../../../store/index.ts'],
  ['orchestrator/edges/cloudflare/state', '../apply/journal.ts'],
  ['orchestrator/environments', '../routes/index.ts'],
  ['orchestrator/environments', '../edges/edge.ts'],
  ['orchestrator/environments', 'cloudflare/tree-shakable'],
  ['orchestrator/protocol', '../errors.ts'],
  ['orchestrator/protocol', 'nanoid'],
  ['orchestrator/proxy', '../log.ts'],
  ['orchestrator/proxy', '../edges/link-identity.ts'],
  ['orchestrator/routes', '../environments/index.ts'],
  ['orchestrator/routes', '../edges/cloudflare/index.ts'],
  ['orchestrator/routes', '../edges/local/index.ts'],
  ['orchestrator/routes', '../students/index.ts'],
  ['orchestrator/routes', '../api/client.ts'],
  ['orchestrator/routes', 'dockerode'],
  ['orchestrator/routes', '../../test/cloudflare/index.ts'],
  ['orchestrator/store', '../students/roster.ts'],
  ['orchestrator/students', '../api/server.ts'],
  ['orchestrator/students', '../api/contract.ts'],
  ['orchestrator/students', '../cli/output.ts'],
  ['orchestrator/students', '../environments/homes.ts'],
  ['orchestrator/students', '../routes/reconciler.ts'],
  ['orchestrator/students', '../edges/cloudflare/index.ts'],
  ['orchestrator/students', '../../hooks/agent/sessions.ts'],
  ['hooks/agent', '../../orchestrator/errors.ts'],
  ['hooks/agent', '../../orchestrator/agents/index.ts'],
  ['hooks/agent', 'nanoid'],
  ['hooks/agent/relay', '../../../orchestrator/edges/link-identity.ts'],
];

const allowed: readonly Import[] = [
  ['orchestrator/cli', '../edges/local/index.ts'],
  ['orchestrator/routes', '../edges/edge.ts'],
  ['orchestrator/students', '../environments/index.ts'],
  ['orchestrator/students', '../routes/index.ts'],
  ['orchestrator/edges/cloudflare', './api/client.ts'],
  ['orchestrator/edges/cloudflare/apply', '../api/client.ts'],
  ['orchestrator/edges/cloudflare/apply', '../plan/plan.ts'],
  ['orchestrator/environments', 'dockerode'],
  ['hooks/agent', 'node:fs'],
  ['hooks/agent', '../../orchestrator/protocol/messages.ts'],
  ['hooks/agent/relay', '../../../orchestrator/proxy/header-list.ts'],
  ['test/unit/orchestrator/routes', '../../../../orchestrator/routes/reconciler.ts'],
];

/** Not told by their paths alone. */
const others = {
  'hooks/agent/value-of-domain.ts': "export { someFunction } from '../../orchestrator/domain.ts';",
  'hooks/agent/type-of-domain.ts': "export type { LinkPhase } from '../../orchestrator/domain.ts';",
  'orchestrator/proxy/value-of-domain.ts': "export { SOME_CONSTANT } from '../domain.ts';",
  'orchestrator/routes/cycle-a.ts': "import { b } from './cycle-b.ts';\nexport const a = () => b;",
  'orchestrator/routes/cycle-b.ts': "import { a } from './cycle-a.ts';\nexport const b = () => a;",
} as const;

const fileOf = ([folder, target]: Import) => `${folder}/imports-${target.replaceAll('/', '+')}.ts`;

let folder: string;
/** Rules that each file breaks, by its path. */
const broken = new Map<string, string[]>();

interface Report {
  diagnostics: { category: string; location: { path: string | { file: string } } }[];
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-boundaries-'));
  copyFileSync(join(root, '.biome.json'), join(folder, '.biome.json'));
  for (const row of [...refused, ...allowed]) write(fileOf(row), `export * as target from '${row[1]}';`);
  for (const [path, text] of Object.entries(others)) write(path, text);
  const { stdout, stderr } = spawnSync(
    join(root, 'node_modules/.bin/biome'),
    ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  const start = stdout.indexOf('{');
  if (start < 0) throw new Error(`biome did not report: ${stderr}`);
  for (const { category, location } of (JSON.parse(stdout.slice(start)) as Report).diagnostics) {
    const path = typeof location.path === 'string' ? location.path : location.path.file;
    broken.set(path, [...(broken.get(path) ?? []), category]);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RESTRICTED = 'lint/style/noRestrictedImports';
const CYCLE = 'lint/suspicious/noImportCycles';

test.each(refused)('a file in %s must not import %s', (...row) => {
  expect(broken.get(fileOf(row))).toEqual([RESTRICTED]);
});

test.each(allowed)('a file in %s may import %s', (...row) => {
  expect(broken.get(fileOf(row))).toBeUndefined();
});

test('agent and proxy import types of domain.ts, and no values', () => {
  expect(broken.get('hooks/agent/value-of-domain.ts')).toEqual([RESTRICTED]);
  expect(broken.get('orchestrator/proxy/value-of-domain.ts')).toEqual([RESTRICTED]);
  expect(broken.get('hooks/agent/type-of-domain.ts')).toBeUndefined();
});

test('an import cycle is refused', () => {
  expect(broken.get('orchestrator/routes/cycle-a.ts')).toEqual([CYCLE]);
  expect(broken.get('orchestrator/routes/cycle-b.ts')).toEqual([CYCLE]);
});
