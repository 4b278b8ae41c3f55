/** docs/errors.md explains exactly the error codes that exist. */
import { readFileSync } from 'node:fs';
import { exitCodes } from '../../../orchestrator/errors.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [/^`(.+)`$/m.exec(section)?.[1] ?? section, section] as const),
);

test('every error code has a section, and no other has one', () => {
  expect([...sections.keys()].sort()).toEqual(Object.keys(exitCodes).sort());
});

test.each(Object.entries(exitCodes))(
  '%s: the section has its exit code %d, causes and a fix',
  (code, exit) => {
    expect(sections.get(code)).toMatch(
      new RegExp(`\\n\\nExit code ${exit}\\. [\\s\\S]+- \\*\\*Causes:\\*\\* .[\\s\\S]+- \\*\\*Fix:\\*\\* .`),
    );
  },
);
