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

test('without an argument it shows the current choice and the other servers', () => {
  container.run(
    'rm -rf /run/devenv/port ~/.devenv-port; printf "Your link shows port 5173: your PORT.\\nOther servers:\\n  4000   node api.js   (to show it: devenv-port 4000)\\n" >/run/devenv/agent.ports',
  );
  const servers = container.run('cat /run/devenv/agent.ports');
  const shows = (choice: string) =>
    expect(devenvPort('')).toEqual({ code: 0, text: `${choice}\n${servers}` });
  shows('devenv chooses the port. To choose another one: devenv-port PORT');
  expect(devenvPort('--always 4000').text).toBe(
    'Your link shows port 4000 from now on, whenever a server listens there.',
  );
  shows('You have chosen port 4000 until you leave. To let devenv choose: devenv-port --auto');
  container.run('rm /run/devenv/port');
  shows('You have chosen port 4000 for all sessions. To let devenv choose: devenv-port --auto');
  expect(devenvPort('--auto').code).toBe(0);
  shows('devenv chooses the port. To choose another one: devenv-port PORT');
  container.run('rm /run/devenv/agent.ports');
  expect(devenvPort('').text).toContain('The servers are not known yet');
});

test.each([
  ['5173', 'Your link shows port 5173 until you leave'],
  ['http://localhost:5173/', 'Your link shows port 5173 until you leave'],
  [':5173', 'Your link shows port 5173 until you leave'],
  ['05173', 'Your link shows port 5173 until you leave'],
  ['4001', 'No server listens there now. To see all servers: devenv-port'],
])('devenv-port %s is understood', (options, text) => {
  container.run(
    'printf "Your link shows port 5173: your PORT.\\nNo other server runs.\\n" >/run/devenv/agent.ports',
  );
  expect(devenvPort(options)).toEqual({ code: 0, text: expect.stringContaining(text) });
  expect(devenvPort(options).text.includes('No server listens')).toBe(text.startsWith('No server'));
});

test.each([
  ['abc', '"abc" is not a port. Give the number that your server prints, for example: devenv-port 3000'],
  ['-1', 'There is no option "-1". For all options: devenv-port --help'],
  ['3000x', '"3000x" is not a port.'],
  ['0', 'There is no port 0. Ports are numbers from 1 to 65535.'],
  ['70000', 'There is no port 70000.'],
  ['99999999999999999999', 'There is no port 99999999999999999999.'],
  ['61080', "Port 61080 is devenv's own"],
  ['3000 4000', 'The link shows one port at a time.'],
  ['--always', 'The port is missing, for example: devenv-port --always 3000'],
  ['--auto 3000', '--auto takes no port'],
  ["''", '"" is not a port.'],
])('devenv-port %s is explained, and changes nothing', (options, text) => {
  container.run('echo 4000 >/run/devenv/port');
  expect(devenvPort(options)).toEqual({ code: 2, text: expect.stringContaining(text) });
  expect(container.run('cat /run/devenv/port')).toBe('4000');
});

test("a student's connection that no longer answers ends within a minute", () => {
  container.run('rm -f /tmp/key; ssh-keygen -q -t ed25519 -N "" -f /tmp/key');
  const settings = container.run('/usr/sbin/sshd -T -h /tmp/key -f /usr/lib/devenv/sshd_config');
  const value = (name: string) => Number(settings.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1]);
  const seconds = value('clientaliveinterval') * value('clientalivecountmax');
  expect(seconds).toBeGreaterThan(20);
  expect(seconds).toBeLessThan(60);
});
