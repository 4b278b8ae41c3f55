/** docs/cli-json.md documents exactly the fields that `--json` prints, and its examples are valid. */
import { readFileSync } from 'node:fs';
import { type TSchema, Type } from 'typebox';
import { Errors } from 'typebox/value';
import * as output from '../../support/json-output.ts';

/** Each section's heading with the shape of what its commands print. */
const sections: Record<string, TSchema> = {
  'create, status, open, close, start, stop, restart': output.student,
  list: Type.Array(output.student),
  egress: output.egressPolicy,
  rm: output.removal,
  logs: output.logLine,
  update: output.update,
  sync: Type.Array(output.drift),
  doctor: Type.Array(output.diagnostic),
  up: output.daemon,
  down: output.stopped,
  'ssh-config': output.sshConfig,
  completion: output.completion,
  Errors: output.failure,
};

const page = readFileSync(new URL('../../../docs/cli-json.md', import.meta.url), 'utf8');
const texts = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
);

interface SchemaNode {
  type?: string;
  title?: string;
  const?: unknown;
  anyOf?: SchemaNode[];
  items?: SchemaNode;
  properties?: Record<string, SchemaNode>;
  required?: string[];
}

/** The type in the page's words. */
function wordsOf({ type, title, anyOf, items, properties }: SchemaNode): string {
  if (title !== undefined) return `[${title}](#errors)`;
  if (anyOf?.some((each) => each.type === 'null')) {
    const [other = {}] = anyOf.filter((each) => each.type !== 'null');
    return `${wordsOf(other)} or null`;
  }
  if (anyOf !== undefined) return anyOf.map((each) => `\`${each.const}\``).join(', ');
  if (items !== undefined) return `array of ${wordsOf(items)}s`;
  return type === 'object' && properties === undefined ? 'object of strings' : (type ?? '');
}

/** Every field as [name, type] with the names of the objects that contain it, in the schema's order. */
function fieldsOf(node: SchemaNode, prefix = ''): [string, string][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, field]): [string, string][] => {
    const name = `${prefix}${key}${node.required?.includes(key) ? '' : '?'}`;
    const inner = field.anyOf?.find(({ properties }) => properties !== undefined);
    if (inner !== undefined && inner.title === undefined)
      return [[name, 'object or null'], ...fieldsOf(inner, `${name}.`)];
    if (field.items?.properties !== undefined) return fieldsOf(field.items, `${name}[].`);
    // The section on errors is the one that documents a problem's fields.
    const isExpanded = field.properties !== undefined && (field.title === undefined || prefix === '');
    return isExpanded ? fieldsOf(field, `${name}.`) : [[name, wordsOf(field)]];
  });
}

const rowsOf = (text: string) =>
  [...text.matchAll(/^\| `([\w.?[\]]+)` +\| (.*?) +\| (.*?) +\|$/gm)].map(([, name, type]) => [name, type]);

test('every output has a section', () => {
  expect([...texts.keys()]).toEqual(Object.keys(sections));
});

test.each(Object.entries(sections))(
  '%s: its table lists exactly the fields, with their types',
  (heading, schema) => {
    const [table = ''] = (texts.get(heading) ?? '').split(/^### /m);
    const node = schema as SchemaNode;
    // The array's objects are documented in the section before.
    const expected = heading === 'list' ? [] : fieldsOf(node.items ?? node);
    expect(rowsOf(table)).toEqual(expected);
  },
);

test.each(Object.entries(sections))('%s: its example is valid', (heading, schema) => {
  const examples = [...(texts.get(heading) ?? '').matchAll(/^```json\n([\s\S]*?)^```/gm)];
  expect(examples).toHaveLength(1);
  const example: unknown = JSON.parse(examples[0]?.[1] ?? '');
  expect([...Errors(schema, example)]).toEqual([]);
});

test('every reason of a link is explained', () => {
  const reasons = (output.student.properties.link.properties.reason as SchemaNode).anyOf ?? [];
  const [, explained = ''] = page.split(/^### Reasons$/m);
  const [table = ''] = explained.split(/^## /m);
  expect([...table.matchAll(/^\| `([\w-]+)` /gm)].map(([, reason]) => reason)).toEqual(
    reasons.map((each) => each.const),
  );
});
