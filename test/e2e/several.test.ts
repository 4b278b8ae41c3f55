/** Several servers of one student: which one the link shows, what devenv says of the others, and how to switch. */
import type { StudentView } from '../../orchestrator/student-view.ts';
import { type Classroom, openClassroom } from '../matrix/classroom.ts';
import type { ClassroomStudent } from '../matrix/classroom-student.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let classroom: Classroom;
let pupil: ClassroomStudent;

beforeAll(async () => {
  const env = { DEVENV_WATCH_FOR: 'alice=./up.sh', DEVENV_LIMITS_MEMORY: '300m', DEVENV_STARTING: '60' };
  classroom = await openClassroom({ students: 1, env });
  [pupil] = classroom.students as [ClassroomStudent];
});

afterEach(() => pupil.reset());

afterAll(() => classroom?.close());

const page = (port: number) =>
  pupil.secondsUntilPage((body) => body.includes(`on ${port},`), performance.now());

async function leave(...terminals: Terminal[]): Promise<void> {
  for (const terminal of terminals) {
    terminal.type('\x03\r');
    await terminal.see(/\$ $/);
    terminal.type('exit\r');
    await terminal.ended;
  }
  await pupil.secondsUntilGone(performance.now());
}

test('with a front end on 5173 and an API on 4000, the terminal says which one the link shows and why; the student switches, until they leave', async () => {
  const front = await pupil.openTerminal();
  front.type('cd ~/app; AS=5173 npm run dev\r');
  await front.see(/live at \S+ +\(port 5173: started by your command\)/);
  const api = await pupil.openTerminal();
  api.type('cd ~/app; AS=4000 node ./server.js\r');
  await api.see(/Your link shows port 5173\. To show 4000: devenv-port 4000/);
  await page(5173);

  const third = await pupil.openTerminal();
  const status = await third.run('devenv-status');
  expect(status).toMatch(/^state +open: /m);
  expect(status).toMatch(/^shows +port 5173: started by your command$/m);
  expect(status).toMatch(/^also +4000 +\(to show 4000: devenv-port 4000\)$/m);
  expect(await third.run('devenv-port 4000')).toContain('shows port 4000 until you leave');
  await page(4000);
  await api.see(/Your link shows port 4000 now: chosen with devenv-port/);
  // Closing the terminal of the choice keeps the choice: the student has other sessions.
  third.type('exit\r');
  await third.ended;
  await page(4000);
  await leave(api, front);

  const later = await pupil.openTerminal();
  later.type('(AS=4000 node ~/app/server.js &); cd ~/app; AS=5173 npm run dev\r');
  await later.see(/live at/);
  await page(5173);
  await pupil.runScript('HOME=/home/student devenv-port --always 4000');
  await page(4000);
  for (const said of [front, api, later]) expect(said.text.match(/live at/g)?.length ?? 0).toBeLessThan(3);
  expect(front.text.match(/To show 4000/g)).toHaveLength(1);
  await pupil.runScript('HOME=/home/student devenv-port --auto; pkill -f app/server.js');
  await leave(later);
});

test('a watched command of the settings opens the link as soon as it is typed, and a slow start is reported', async () => {
  // A start counts as slow after 10 s; the server waits until the terminal has said so.
  const script = 'until [ -e ~/said ]; do sleep 0.2; done; exec node ~/app/server.js';
  await pupil.runScript(`echo "${script}" > up.sh; chmod +x up.sh`);
  const terminal = await pupil.openTerminal();
  terminal.type('./up.sh\r');
  await waitFor('the waiting page', async () => (await pupil.visitStatus()) === 503);
  expect((await pupil.devenv.json<StudentView>('status', 'alice')).link.reason).toBe('starting');
  await terminal.see(/Still starting: nothing listens yet/);
  await pupil.runScript('touch said');
  await terminal.see(/live at/);
  await leave(terminal);
});

test('a program killed for memory is reported with limit and peak, and the link stays', async () => {
  const terminal = await pupil.openTerminal();
  terminal.type('cd ~/app; npm run dev &\r');
  await page(Number(pupil.devenv.env.DEVENV_FIRST_PORT));
  terminal.type(`node -e 'const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1))'\r`);
  await terminal.see(/Killed/);
  await waitFor('the note in `devenv-status`', async () =>
    (await pupil.runScript('devenv-status')).includes('out of memory'),
  );
  terminal.type('\r');
  // Also where the line came before the Enter key.
  const [, limit, peak] = await waitFor('the line in the terminal', () =>
    terminal.text.match(/killed: out of memory \(limit: (\d+) MB, peak: (\d+) MB\)/),
  );
  expect(limit).toBe('300');
  expect(Number(peak)).toBeGreaterThan(250);
  expect(Number(peak)).toBeLessThanOrEqual(300);
  await terminal.run('true');
  expect(terminal.text.match(/out of memory/g)).toHaveLength(1);
  expect(await pupil.visitStatus()).toBe(200);
  terminal.type('exit\r');
  await pupil.secondsUntilGone(performance.now());
});
