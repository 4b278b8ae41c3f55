import Docker from 'dockerode';
import { ensureStudentImage } from '../../orchestrator/environments/student-image.ts';
import { loadSettings } from '../../orchestrator/settings.ts';
import { terminalProgress } from './progress.ts';

/** The student image of this checkout, built if that was not done yet; its name. `env`: further settings. */
export function studentImage(env: Record<string, string> = {}): Promise<string> {
  const settings = loadSettings({
    env: { DEVENV_STATE_DIR: '/tmp', ...env },
    hostname: 'test',
    uid: 0,
    home: '/root',
  });
  const signal = new AbortController().signal;
  return ensureStudentImage({ docker: new Docker(), settings, progress: terminalProgress, signal });
}
