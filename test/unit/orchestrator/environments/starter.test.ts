/** What the setting `starter` may be. */
import { parseStarter } from '../../../../orchestrator/environments/starter.ts';

test('no setting is the built-in starter, an existing folder is a folder', () => {
  expect(parseStarter(null)).toEqual({ kind: 'built-in' });
  expect(parseStarter('/tmp')).toEqual({ kind: 'folder', path: '/tmp' });
});

test.each(['https://example.com/a.git', 'git@example.com:a/b.git', 'ssh://git@example.com/a'])(
  '%s is a git address',
  (address) => {
    expect(parseStarter(address)).toEqual({ kind: 'git', address });
  },
);

test.each(['/not/there', '--upload-pack=x', 'lesson'])('%s is refused', (setting) => {
  expect(() => parseStarter(setting)).toThrow(expect.objectContaining({ code: 'bad-settings' }));
});
