/** `devenv-port` where it can write, and where it can't. */
import { BareContainer } from '../../support/bare-container.ts';

let container: BareContainer;

beforeAll(async () => {
  container = await BareContainer.start({ runSize: '64k' });
});

afterAll(() => container?.remove());

/** Its exit code, and all that it printed. */
function devenvPort(options: string): { code: number; text: string } {
  const [code, ...lines] = container
    .run(`text=$(devenv-port ${options} 2>&1); echo $?; echo "$text"`)
    .split('\n');
  return { code: Number(code), text: lines.join('\n') };
}

test('a choice that cannot be written is told with words and an exit code, and the former one stands', () => {
  expect(devenvPort('4000')).toEqual({
    code: 0,
    text: expect.stringMatching(/^the link leads to port 4000, /),
  });
  container.run('head -c 1M /dev/zero >/run/devenv/full 2>/dev/null || :');
  for (const options of ['4001', '--always 4001']) {
    const { code, text } = devenvPort(options);
    expect(code).toBe(1);
    expect(text).toMatch(/^the choice of a port could not be changed: \/run\/devenv\/port can't be written/);
    expect(text).not.toContain('leads to');
  }
  expect(container.run('cat /run/devenv/port; ls -A /run/devenv')).toBe('4000\nfull\nport');
  container.run('rm /run/devenv/full');
  expect(devenvPort('4001').code).toBe(0);
  expect(container.run('cat /run/devenv/port')).toBe('4001');
});

test('what stands in the way of a choice is told, and left alone', () => {
  container.run('rm -f /run/devenv/port; mkdir -p /run/devenv/port/of-mine');
  expect(devenvPort('4000').code).toBe(1);
  expect(devenvPort('--auto')).toEqual({
    code: 1,
    text: "the choice of a port could not be changed: /run/devenv/port can't be removed",
  });
  expect(container.run('ls /run/devenv/port')).toBe('of-mine');
});
