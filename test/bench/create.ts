/** `devenv create` compared with a bare `docker run` of the same image, and the memory of an idle student. */
import { execFileSync } from 'node:child_process';
import { Installation } from '../support/installation.ts';
import { median, printMeasurement, timed } from '../support/measurements.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

const ROUNDS = 5;
const ALLOWED_AGENT_MB = 20;

const image = await studentImage();
const devenv = await Installation.make();
try {
  await devenv.succeed('create', 'first');
  const bare: number[] = [];
  const create: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timed(async () => execFileSync('docker', ['run', '--rm', image, 'true'])));
    create.push(await timed(() => devenv.succeed('create', `s${round}`)));
  }
  printMeasurement('docker run of the image, median', `${median(bare).toFixed(0)} ms`);
  printMeasurement('devenv create, median', `${median(create).toFixed(0)} ms`, {
    to: 'docker run',
    is: median(create) / median(bare),
  });

  const agentMegabytes = async () => {
    const { stdout } = await devenv.devenv([
      'shell',
      's0',
      '--',
      `awk '/^Private_Dirty/ {print $2}' /proc/$(pgrep -of agent/main.js)/smaps_rollup`,
    ]);
    return Number(stdout) / 1024;
  };
  const megabytes = await waitFor('the agent', agentMegabytes);
  printMeasurement('agent of an idle student, private dirty', `${megabytes.toFixed(1)} MB`, {
    to: `the ${ALLOWED_AGENT_MB} MB allowed`,
    is: megabytes / ALLOWED_AGENT_MB,
  });
} finally {
  await devenv.remove();
}
