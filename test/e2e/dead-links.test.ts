/** A link whose port proxy in the engine has ended is noticed and repaired, and one link's visitors can't end it. */
import { connect, type Socket } from 'node:net';
import Docker from 'dockerode';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { type Classroom, openClassroom } from '../matrix/classroom.ts';
import type { ClassroomStudent } from '../matrix/classroom-student.ts';
import { openFilesOf, portProxyOf } from '../support/port-proxy.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

/** What one link may have at once, and more than that. */
const LIMIT = 1500;
const FLOOD = LIMIT + 200;

let classroom: Classroom;
let alice: ClassroomStudent;
let terminal: Terminal;
let port: number;

beforeAll(async () => {
  classroom = await openClassroom({ students: 1 });
  [alice] = classroom.students as [ClassroomStudent];
  terminal = await alice.openTerminal();
  terminal.type('cd ~/app; npm run dev\r');
  await alice.secondsUntilPage((body) => body.startsWith('app of alice'), performance.now());
  ({ port } = await status());
});

afterAll(() => classroom?.close());

const status = () => classroom.devenv.json<StudentView>('status', 'alice');

const portProxy = () => portProxyOf(port);

/** An upload that never ends; `heard` is what it was answered. */
function slowUpload(): { socket: Socket; heard: () => string } {
  let heard = '';
  const socket = connect(classroom.devenv.edgePort, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    heard += data;
  });
  const host = classroom.devenv.hostname('alice');
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\nx`);
  return { socket, heard: () => heard };
}

/** Waits until the local edge dials the environment itself. */
const dialledDirectly = () =>
  waitFor('the direct way', async () => {
    const { stdout } = await classroom.devenv.devenv(['doctor', '--json']);
    return (JSON.parse(stdout) as Diagnostic[]).some(({ found }) => found.includes('1 of 1 open links past'));
  });

test('a flood of slow uploads is limited, and does not reach the port proxy', async () => {
  const before = portProxy();
  await dialledDirectly();
  const filesBefore = openFilesOf(before ?? 0);
  const uploads = Array.from({ length: FLOOD }, slowUpload);
  const refused = () => uploads.filter(({ heard }) => heard().startsWith('HTTP/1.1 503')).length;
  try {
    await waitFor('the refusals', () => refused() >= FLOOD - LIMIT, { lastSeen: () => String(refused()) });
    // The orchestrator's own checks still use the port.
    expect(openFilesOf(before ?? 0)).toBeLessThan(filesBefore + 100);
  } finally {
    for (const { socket } of uploads) socket.destroy();
  }
  await alice.secondsUntilPage((body) => body.startsWith('app of alice'), performance.now());
  expect(portProxy()).toBe(before);
});

test('a port proxy that ends is noticed: the link is not live, is repaired, and is live again', async () => {
  await waitFor('a live link', async () => (await status()).link.live);
  const before = portProxy();
  let log = '';
  const lines = async () => {
    log = await classroom.devenv.succeed('logs', 'alice', '--lines', '500');
    return log.split('\n');
  };
  const known = (await lines()).length;
  await dialledDirectly();
  process.kill(before ?? 0, 'SIGKILL');
  // Visitors of the local edge do not need the port.
  expect(await alice.visitStatus()).toBe(200);
  const changes = await waitFor(
    'the repair',
    async () => {
      const later = (await lines()).slice(known - 1).join('\n');
      return /link open.*link live/s.test(later) && later.includes('port proxy had ended') && later;
    },
    { lastSeen: () => log },
  );
  expect(changes).not.toContain('could not repair');
  expect((await status()).link).toMatchObject({ live: true, problem: null });
  await alice.secondsUntilPage((body) => body.startsWith('app of alice'), performance.now());
  expect(portProxy()).not.toBe(before);
  const { stdout } = await classroom.devenv.devenv(['doctor', '--json']);
  expect((JSON.parse(stdout) as Diagnostic[]).find(({ subject }) => subject === 'Links')).toMatchObject({
    ok: true,
    found: expect.stringMatching(/^1 of 1 open links answer; dead ports repaired: .*alice \(1×/),
  });
  // The student's programs kept running, and the terminal showed the problem.
  expect(terminal.text).toMatch(/does not answer/);
});

test('an environment that was disconnected from its network is connected by `restart`', async () => {
  const docker = new Docker();
  const container = docker.getContainer(alice.container);
  const restart = async () => {
    await classroom.devenv.succeed('restart', 'alice');
    const { Id, NetworkSettings } = await container.inspect();
    return { id: Id, address: NetworkSettings.Networks[`devenv-${classroom.devenv.instance}`]?.IPAddress };
  };
  await docker.getNetwork(`devenv-${classroom.devenv.instance}`).disconnect({ Container: alice.container });
  const { id, address } = await restart();
  expect(address).toMatch(/^[0-9.]+$/);
  expect(await restart()).toEqual({ id, address: expect.stringMatching(/^[0-9.]+$/) });
});
