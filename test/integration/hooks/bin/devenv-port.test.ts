/** `devenv-port` when it can write its files, and when it can't. */
import { BareContainer } from '../../../support/bare-container.ts';

let container: BareContainer;

beforeAll(async () => {
  container = await BareContainer.start({ runSize: '64k' });
});

afterAll(() => container?.remove());

/** Its exit code and output. */
function devenvPort(options: string): { code: number; text: string } {
  const [code, ...lines] = container
    .run(`text=$(devenv-port ${options} 2>&1); echo $?; echo "$text"`)
    .split('\n');
  return { code: Number(code), text: lines.join('\n') };
}

test('a choice that cannot be written fails with a message and an exit code, and the previous one stays', () => {
  expect(devenvPort('4000')).toEqual({
    code: 0,
    text: expect.stringMatching(/^Your link shows port 4000 until you leave, /),
  });
  container.run('head -c 1M /dev/zero >/run/devenv/full 2>/dev/null || :');
  for (const options of ['4001', '--always 4001']) {
    const { code, text } = devenvPort(options);
    expect([options, code]).toEqual([options, 1]);
    expect(text).toMatch(/^The port was not changed: \/run\/devenv\/port can't be written/);
    expect(text).not.toContain('Your link shows');
  }
  expect(container.run('cat /run/devenv/port; ls -A /run/devenv')).toBe('4000\nfull\nport');
  container.run('rm /run/devenv/full');
  expect(devenvPort('4001').code).toBe(0);
  expect(container.run('cat /run/devenv/port')).toBe('4001');
});

test('a folder in place of the file is named, and not removed', () => {
  container.run('rm -f /run/devenv/port; mkdir -p /run/devenv/port/of-mine');
  expect(devenvPort('4000').code).toBe(1);
  expect(devenvPort('--auto')).toEqual({
    code: 1,
    text: "The port was not changed: /run/devenv/port can't be removed. Move it away and try again.",
  });
  expect(container.run('ls /run/devenv/port')).toBe('of-mine');
});
