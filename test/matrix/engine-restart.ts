/**
 * The engine goes away with everything that ran in it, and comes back: what a reboot of the host or of dockerd is to
 * us. The shared engine is not restarted for this: its socket goes away for the daemon and for `devenv shell`
 * alike, and the container is killed meanwhile, which is what dockerd does with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { waitFor } from '../support/wait.ts';
import { AT_ONCE, endsSoon, type MatrixResult, withClassroom } from './classroom.ts';

/** Time until gone counts from the moment at which the engine is back: before, nobody can know. */
export async function rebootEngine(how: string): Promise<MatrixResult> {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-engine-'));
  const engine = await EngineProxy.start(join(folder, 'engine.sock'));
  try {
    return await withClassroom(
      { students: 1, env: { DOCKER_HOST: engine.dockerHost } },
      async ([student]): Promise<MatrixResult> => {
        if (student === undefined) throw new Error('the class is empty');
        const terminal = await student.open();
        const started = performance.now();
        terminal.type('cd ~/app; npm run dev\r');
        const live = await student.untilPage((body) => body.includes('app of alice'), started);
        const faults: string[] = [];
        engine.goAway();
        execFileSync('docker', ['kill', student.container]);
        if (!(await endsSoon(terminal))) faults.push('`devenv shell` has not ended');
        await engine.comeBack();
        const gone = await student.untilGone(performance.now());
        if (gone > AT_ONCE) faults.push(`it was gone after ${gone.toFixed(1)} s only`);
        await waitFor(
          'the environment to be started again',
          async () =>
            (await student.devenv.json<StudentView>('status', student.name)).environment.state === 'running',
        ).catch((error: Error) => faults.push(error.message));
        if ((await student.status()) !== 404) faults.push('the link was back without anybody in');
        return { how, live, gone, faults };
      },
    );
  } finally {
    engine.goAway();
    rmSync(folder, { recursive: true, force: true });
  }
}
