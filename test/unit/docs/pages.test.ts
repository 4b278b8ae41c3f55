/** The pages say what is there: links resolve, files that they name exist, and every command is mentioned. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = new URL('../../..', import.meta.url).pathname;

const pages = globSync('**/*.md', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|fixtures)(\/|$)/.test(path),
}).sort();

/** A page without its code blocks, whose brackets and backticks are no Markdown. */
const proseOf = (page: string) => readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '');

/** A heading's anchor as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const anchorsOf = (page: string) =>
  new Set([...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));

function brokenLinks(page: string): string[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    if (file.startsWith('..') || !existsSync(join(root, file))) return true;
    return anchor !== undefined && !anchorsOf(file).has(anchor);
  });
}

/** A path from the repository's root: it begins with a folder of ours, or it is a file at the root. */
const REPOSITORY_PATH =
  /^(?:(?:\.ci|\.github|docs|hooks|images|orchestrator|test)\/[\w./-]*|[\w.-]+\.(?:json|md))$/;

/** Files of the state folder, or of a student's project, that only look like ours. */
const ELSEWHERE = new Set(['package.json']);

function missingFiles(page: string): string[] {
  const quoted = [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
  return quoted.filter(
    (text) => REPOSITORY_PATH.test(text) && !ELSEWHERE.has(text) && !existsSync(join(root, text)),
  );
}

function commandsOfHelp(): string[] {
  const { stdout } = spawnSync(process.execPath, ['--no-warnings', 'orchestrator/cli/main.ts', '--help'], {
    cwd: root,
    encoding: 'utf8',
  });
  const section = stdout.split(/^Commands:$/m)[1]?.split(/^\S/m)[0] ?? '';
  return [...section.matchAll(/^ {2}([a-z-]+)/gm)]
    .map(([, command = '']) => command)
    .filter((command) => command !== 'help');
}

test.each(pages)('links of %s resolve', (page) => {
  expect(brokenLinks(page)).toEqual([]);
});

test.each(pages)('files that %s names exist', (page) => {
  expect(missingFiles(page)).toEqual([]);
});

test('the README has at most 150 lines', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8').split('\n').length).toBeLessThanOrEqual(151);
});

test('the README names every command that `devenv --help` lists', () => {
  const commands = commandsOfHelp();
  expect(commands).toContain('create');
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  expect(commands.filter((command) => !new RegExp(`\`(?:devenv )?${command}[ \`]`).test(readme))).toEqual([]);
});

test('every decision is in the index', () => {
  const index = proseOf('docs/decisions/README.md');
  const decisions = pages.filter((page) => /^docs\/decisions\/\d/.test(page));
  expect(decisions.filter((page) => !index.includes(`(${page.replace(/.*\//, '')})`))).toEqual([]);
});

test('docs/security.md names every probe', () => {
  const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
  const probes = globSync('*.ts', { cwd: join(root, 'test/probes') }).map((file) =>
    file.slice(0, -'.ts'.length),
  );
  expect(probes).toContain('reach-host');
  expect(probes.filter((probe) => !page.includes(`\`${probe}\``))).toEqual([]);
});
