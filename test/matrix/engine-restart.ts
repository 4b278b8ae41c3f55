/**
 * The leave row for a restart of the Docker engine, as at a reboot of the host. The machine's engine is shared, so the
 * test does not restart it: a proxy in front of its socket stops, the container is killed meanwhile (as dockerd does),
 * and the proxy starts again.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { waitFor } from '../support/wait.ts';
import { withClassroom } from './classroom.ts';
import type { ClassroomStudent } from './classroom-student.ts';
import { AT_ONCE_S, endsInTime, type MatrixResult } from './rows.ts';

const isRunning = async ({ devenv, name }: ClassroomStudent) =>
  (await devenv.json<StudentView>('status', name)).environment.state === 'running';

async function restartEngine(
  row: string,
  engine: EngineProxy,
  student: ClassroomStudent,
): Promise<MatrixResult> {
  const terminal = await student.openTerminal();
  const started = performance.now();
  terminal.type('cd ~/app; npm run dev\r');
  const liveSeconds = await student.secondsUntilPage((body) => body.includes('app of alice'), started);
  const problems: string[] = [];
  engine.stop();
  execFileSync('docker', ['kill', student.container]);
  if (!(await endsInTime(terminal))) problems.push('`devenv shell` has not ended');
  await engine.listen();
  // Counted from here: the orchestrator cannot know earlier that the container has died.
  const goneSeconds = await student.secondsUntilGone(performance.now());
  if (goneSeconds > AT_ONCE_S)
    problems.push(`the link closed after ${goneSeconds.toFixed(1)} s, not at once`);
  await waitFor('the environment to be started again', () => isRunning(student)).catch((error: Error) =>
    problems.push(error.message),
  );
  if ((await student.visitStatus()) !== 404) problems.push('the link opened again without a session');
  return { row, liveSeconds, goneSeconds, problems };
}

export async function runEngineRestart(row: string): Promise<MatrixResult> {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-engine-'));
  const engine = await EngineProxy.start(join(folder, 'engine.sock'));
  try {
    return await withClassroom(
      { students: 1, env: { DOCKER_HOST: engine.dockerHost } },
      async ([student]): Promise<MatrixResult> => {
        if (student === undefined) throw new Error('the class has no student');
        return restartEngine(row, engine, student);
      },
    );
  } finally {
    engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
