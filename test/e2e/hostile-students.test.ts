/**
 * One student attacks every part of devenv within reach. Another student's visitors are served without a failure, and
 * the attacker's own link works again once the attack ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { type Classroom, openClassroom } from '../matrix/classroom.ts';
import type { ClassroomStudent } from '../matrix/classroom-student.ts';
import { waitFor } from '../support/wait.ts';

let classroom: Classroom;
let mallory: ClassroomStudent;
let bob: ClassroomStudent;

/** Failed visits of the other student's link, and the number of successful ones. */
const failures: string[] = [];
let served = 0;
let isWatching = true;
let watching: Promise<void>;

async function watchBob(): Promise<void> {
  while (isWatching) {
    const { status, body } = await bob.visit();
    if (status === 200 && body.startsWith('app of bob')) served += 1;
    else failures.push(`${status} ${body.slice(0, 100)}`);
    await sleep(50);
  }
}

beforeAll(async () => {
  // The lease is longer than a busy machine may keep the other student's agent from reporting.
  const env = { DEVENV_LIMITS_PIDS: '150', DEVENV_LEASE: '120', DEVENV_AGENT_RESTART: '3' };
  classroom = await openClassroom({ students: 2, env });
  [mallory, bob] = classroom.students as [ClassroomStudent, ClassroomStudent];
  const terminal = await bob.openTerminal();
  terminal.type('cd ~/app; npm run dev\r');
  await bob.secondsUntilPage((body) => body.startsWith('app of bob'), performance.now());
  watching = watchBob();
});

afterAll(async () => {
  isWatching = false;
  await watching;
  await classroom?.close();
});

/** Runs the attack in a terminal until the other student's link was visited that often. */
async function attack(script: string, visits: number): Promise<void> {
  const terminal = await mallory.openTerminal();
  const before = served + failures.length;
  terminal.type(`${script}\r`);
  await waitFor(`${visits} visits`, () => served + failures.length >= before + visits);
  terminal.kill('SIGKILL');
}

const inNode = (code: string) => `node -e '${code}'`;

/** Each attack with the number of visits to the other student's link that it lasts. */
const attacks: Record<string, [string, number]> = {
  "the agent's files removed, and folders, devices and pipes in their place": [
    'cd /run/devenv; rm -rf shells messages agent.* port; mkdir agent.status agent.shown port; ln -s /dev/zero shells; mkfifo messages',
    20,
  ],
  'thousands of files in the channel of the hooks': [
    'cd /run/devenv/shells; for i in {100000..104000}; do echo "999999999 run  ok 0 1" > $i; done; ln -s /dev/zero 7; mkfifo 8; mkdir 9; head -c 300000 /dev/urandom > 10',
    30,
  ],
  'a full /run/devenv, /tmp, /var/tmp and /dev/shm': [
    'for d in /run/devenv /tmp /var/tmp /dev/shm; do head -c 400M /dev/zero > $d/full; done; cd ~/app; npm run dev',
    30,
  ],
  'nonsense and floods on the socket': [
    inNode(
      `const net = require("net"); const go = () => { const s = net.connect("/run/devenv-host/agent.sock", () => { for (let i = 0; i < 50; i++) s.write("x".repeat(60000) + (i % 2 ? "\\n" : "")) }); s.on("error", () => {}); s.on("close", () => setTimeout(go, 5)) }; for (let i = 0; i < 20; i++) go()`,
    ),
    25,
  ],
  'reports of an agent of their own, for another student': [
    `pkill -STOP -f agent/main.js; ${inNode(
      `const s = require("net").connect("/run/devenv-host/agent.sock"); s.on("error", () => {}); const r = () => s.write(JSON.stringify({ kind: "report", protocol: ${PROTOCOL_VERSION}, student: "bob", sessions: [], listeners: [], starting: [], service: null, lastSessionEnd: null, lastShownNoticeId: 0 }) + "\\n"); r(); setInterval(r, 100)`,
    )}`,
    25,
  ],
  'the agent killed and stopped all the time': ['while :; do pkill -KILL -f agent/main.js; done', 30],
  'names of processes that look like ours or like the kernel': [
    `cp /bin/sleep /tmp/sshd; cp /bin/sleep "/tmp/x) S 1 1 1 ("; for i in 1 2 3 4 5; do /tmp/sshd 100 & "/tmp/x) S 1 1 1 (" 100 & done; exec -a $'\\e[2J\\nnpm run dev' bash --norc`,
    20,
  ],
  'a thousand listeners': [
    inNode(
      'for (let p = 10000; p < 11000; p++) require("net").createServer(() => {}).listen(p, "127.0.0.1")',
    ),
    30,
  ],
  'a fork bomb': [':(){ :|:& };:', 50],
};

test.each(Object.entries(attacks))(
  "%s: the other student's visitors are served all the time",
  async (_name, [script, visits]) => {
    const [before, failed] = [served, failures.length];
    await attack(script, visits);
    expect(failures.slice(failed)).toEqual([]);
    expect(served).toBeGreaterThanOrEqual(before + visits);
    // The orchestrator still answers, and a restart ends the attack's effects.
    expect((await classroom.devenv.json<StudentView[]>('list')).map(({ name }) => name)).toEqual([
      'alice',
      'bob',
    ]);
    await classroom.devenv.succeed('restart', mallory.name);
    await mallory.secondsUntilGone(performance.now());
    const terminal = await mallory.openTerminal();
    terminal.type('cd ~/app; npm run dev\r');
    await mallory.secondsUntilPage((body) => body.startsWith('app of alice'), performance.now());
    terminal.kill('SIGKILL');
    expect(failures.slice(failed)).toEqual([]);
  },
);

test('only the home and three size-limited folders are writable, so only the home uses the disk', async () => {
  const writable = await bob.runScript('find / -xdev \\( -type d -o -type f \\) -writable 2>/dev/null || :');
  // Each of these is a separate file system.
  expect(writable.split('\n').sort()).toEqual(['/home/student', '/run/devenv', '/tmp', '/var/tmp']);
});

test('every visitor of the other student was served during all attacks', async () => {
  await waitFor('many visits', () => served > 100);
  expect(failures).toEqual([]);
});
