import { checkStudentName, suggestName } from '../../../orchestrator/names.ts';

test.each(['a', 'alice', 'a-b', 'a--b', 'abc--d', '0', 'x1', 'a'.repeat(63)])(
  '%s is a valid name',
  (name) => {
    expect(() => checkStudentName(name)).not.toThrow();
  },
);

test.each([
  ['', null],
  ['a'.repeat(64), 'a'.repeat(63)],
  ['Alice', 'alice'],
  ['-a', 'a'],
  ['a-', 'a'],
  ['a_b', 'a-b'],
  ['ä', 'ae'],
  ['Zoë', 'zoe'],
  ['../x', 'x'],
  ['Anna Lena', 'anna-lena'],
  ['www', 'www-1'],
  ['localhost', 'localhost-1'],
  ['xn--alice', 'xn-alice'],
  ['ab---c', 'ab-c'],
  ['日本', null],
  ['a\u0000b', 'a-b'],
])('%p is refused; the suggestion is %p', (name, suggestion) => {
  expect(suggestName(name)).toBe(suggestion);
  expect(() => checkStudentName(name)).toThrow(
    expect.objectContaining({
      code: 'bad-input',
      next: expect.stringMatching(suggestion === null ? /like alice/ : `Try: ${suggestion}$`),
    }),
  );
});

test('every suggestion is a valid name', () => {
  for (const typed of ['ÄÖÜ', '--', 'a--b', 'xn--', 'x'.repeat(100), '-'.repeat(70), 'WWW', "o'neil"]) {
    const suggestion = suggestName(typed);
    if (suggestion !== null) expect(() => checkStudentName(suggestion)).not.toThrow();
  }
});
