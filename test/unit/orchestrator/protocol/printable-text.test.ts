import {
  printableJson,
  printableLine,
  printableLines,
} from '../../../../orchestrator/protocol/printable-text.ts';

const hostile: [string, string][] = [
  ['clear screen', '\x1b[2J'],
  ['OSC 52, which writes the clipboard', '\x1b]52;c;cm0gLXJm\x07'],
  ['OSC 8, a link with another text', '\x1b]8;;https://evil.test\x1b\\'],
  ['C1: CSI in one byte', '\x9b2J'],
  ['C1: OSC in one byte', '\x9d0;title\x9c'],
  ['delete', '\x7f'],
  ['bidirectional overrides', '\u202a\u202b\u202c\u202d\u202e'],
  ['bidirectional isolates', '\u2066\u2067\u2068\u2069\u200e\u200f'],
  ['zero-width characters', '\u200b\u200c\u200d\u2060\ufeff\u00ad'],
  ['line separators', '\u2028\u2029\u0085'],
  ['tag characters', '\u{e0041}\u{e007f}'],
  ['a lone surrogate', '\ud800'],
  ['private use', '\ue000'],
];

const UNPRINTABLE = /[\p{C}\u2028\u2029]/u;

test.each(hostile)('%s: replaced in text, escaped in JSON', (_name, text) => {
  const value = { text: `before${text}after` };
  const json = printableJson(JSON.stringify(value));
  expect(printableLine(value.text)).not.toMatch(UNPRINTABLE);
  expect(printableLine(value.text)).toMatch(/^before.*after$/);
  expect(json).not.toMatch(UNPRINTABLE);
  expect(JSON.parse(json)).toEqual(value);
});

test('text of any language, punctuation and emoji stays', () => {
  const text = 'Grüße, мир, 世界, مرحبا, नमस्ते — “ok” ✓ 🎉 é';
  expect(printableLine(text)).toBe(text);
});

test('line ends and tabs stay only where several lines are printed', () => {
  expect(printableLines('one\n\ttwo\r\x1b[1m')).toBe('one\n\ttwo  [1m');
  expect(printableLine('one\n\ttwo')).toBe('one  two');
  expect(printableJson(JSON.stringify({ a: 1 }, null, 2))).toBe('{\n  "a": 1\n}');
});
