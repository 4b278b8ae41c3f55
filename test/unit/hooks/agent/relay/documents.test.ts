/** A body that is translated chunk by chunk is the body that is translated as a whole. */
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { documentTransform } from '../../../../../hooks/agent/relay/documents.ts';
import { publicAddresses } from '../../../../../hooks/agent/relay/own-addresses.ts';

const translate = (body: string) =>
  publicAddresses(body, (_scheme, port) => (port === '3000' ? 'https://alice.test:8443' : null));

const PIECES = [
  ...[
    'http://localhost:3000/a',
    'ws://127.0.0.1:3000',
    'https%3A%2F%2Flocalhost%3A3000%2Fb',
    'http:\\/\\/[::1]:3000',
  ],
  ...[
    'http://localhost:30001',
    'http://localhost.evil.test',
    'h',
    'http',
    'https://',
    '"',
    ' ',
    '<p>',
    'ü',
    '\n',
    '%',
    '\\',
  ],
];

test('wherever the chunks end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 40 }),
      async (pieces, sizes) => {
        const body = Buffer.from(pieces.join('"'));
        const transform = documentTransform(translate);
        const seen = text(transform);
        let at = 0;
        for (let turn = 0; at < body.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          transform.write(body.subarray(at, at + size));
          at += size;
        }
        transform.end();
        expect(await seen).toBe(translate(body.toString()));
      },
    ),
    { numRuns: 1000 },
  );
});

test('what follows no address is not kept back', () => {
  const transform = documentTransform(translate);
  transform.write('<p>first</p>');
  expect(String(transform.read())).toBe('<p>first</p>');
});
