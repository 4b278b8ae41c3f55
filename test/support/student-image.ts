import Docker from 'dockerode';
import { systemClock } from '../../orchestrator/clock.ts';
import { StudentImages } from '../../orchestrator/environments/student-image.ts';
import { loadSettings } from '../../orchestrator/settings.ts';
import { terminalProgress } from './progress.ts';

/** Builds the student image of this checkout if needed and returns its name. `env`: additional settings. */
export function studentImage(env: Record<string, string> = {}): Promise<string> {
  const settings = loadSettings({
    env: { DEVENV_STATE_DIR: '/tmp', ...env },
    hostname: 'test',
    uid: 0,
    home: '/root',
  });
  const images = new StudentImages({ docker: new Docker(), settings, clock: systemClock });
  return images.ensure(terminalProgress, new AbortController().signal);
}
