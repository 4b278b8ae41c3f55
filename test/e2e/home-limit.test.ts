/** A student whose home is full is told why, the instructor sees it, and a higher limit helps at once. */
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation } from '../support/installation.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

const MB = 2 ** 20;
let devenv: Installation;

beforeAll(async () => {
  devenv = await Installation.make({ env: { DEVENV_LIMITS_HOME: '200m' } });
});
afterAll(() => devenv.remove());

/** Waits for a notice. It appears with a prompt. */
const seeNotice = (terminal: Terminal, notice: RegExp) =>
  waitFor(`the notice ${notice}`, async () => {
    await terminal.run('true');
    return notice.test(terminal.text);
  });

test('a full home is explained in the terminal, shown by `list`, and enlarged while the student works', async () => {
  await devenv.succeed('create', 'alice');
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  await terminal.run('mkdir videos; fallocate -l 185M videos/a');
  await seeNotice(terminal, /Your home \(200 MB\) is 9\d % full\. Largest: videos\/a \(185 MB\)/);
  await terminal.run('fallocate -l 14M videos/b');
  await seeNotice(terminal, /Your home \(200 MB\) is full, so nothing can be saved/);
  const view = await waitFor('the usage', async () => {
    const { home } = await devenv.json<StudentView>('status', 'alice');
    return home !== null && home.usedBytes > 195 * MB && home;
  });
  expect(view.limitBytes).toBe(200 * MB);
  expect(await devenv.succeed('list')).toMatch(/ HOME .*\n.* 0\.2\/0\.2 GB /);
  const { stdout } = await devenv.devenv(['doctor']);
  expect(stdout).toContain('Homes: 1 home, 1 of them with a limit (0.2 GB)');

  expect(await terminal.run('fallocate -l 90M more 2>&1 && echo enlarged')).toMatch(/No space left/);
  await devenv.succeed('down');
  devenv.env.DEVENV_LIMITS_HOME = '300m';
  await devenv.succeed('up');
  await waitFor('the new limit', async () =>
    /enlarged/.test(await terminal.run('fallocate -l 90M more 2>&1 && echo enlarged')),
  );
});
