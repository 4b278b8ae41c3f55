/** A container of the student image without orchestrator and network: for what happens inside one. */
import { execFileSync } from 'node:child_process';
import { isAlive } from './leftovers.ts';
import { studentImage } from './student-image.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';

const LABEL = 'devenv.test-process';

export interface BareContainerOptions {
  /** What process 1 is; by default nothing runs. */
  command?: string[];
  env?: Record<string, string>;
  /** Further arguments of `docker run`. */
  run?: string[];
}

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();

export class BareContainer {
  readonly id: string;

  private constructor(id: string) {
    this.id = id;
  }

  static async start({ command = ['sleep', '3600'], env = {}, run = [] }: BareContainerOptions = {}) {
    for (const line of docker(
      'ps',
      '-a',
      '--filter',
      `label=${LABEL}`,
      '--format',
      `{{.ID}} {{.Label "${LABEL}"}}`,
    ).split('\n')) {
      const [id, pid] = line.split(' ');
      if (id && pid && !isAlive(Number(pid))) docker('rm', '-f', id);
    }
    const settings = {
      PORT: '3001',
      DEVENV_PORT: '3001',
      DEVENV_STUDENT: 'alice',
      DEVENV_URL: 'http://alice.test',
      ...env,
    };
    const variables = Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const id = docker(
      ...['run', '-d', '--label', `${LABEL}=${process.pid}`, '--network', 'none', '--user', '1000:1000'],
      ...[
        '--cap-drop',
        'ALL',
        '--security-opt',
        'no-new-privileges',
        '--sysctl',
        'net.ipv6.conf.lo.disable_ipv6=0',
      ],
      ...['--tmpfs', '/run/devenv:uid=1000,gid=1000,mode=0755,size=4m'],
      ...variables,
      ...run,
      await studentImage(),
      ...command,
    );
    return new BareContainer(id);
  }

  /** Runs a shell command in there and returns its output; throws where it fails. */
  run(script: string): string {
    return docker('exec', '-u', '1000:1000', this.id, 'bash', '-c', script);
  }

  /** A program in a terminal in there: an engine's exec, so its master is outside. */
  terminal(command: string[], options: TerminalOptions = {}): Terminal {
    return new Terminal('docker', ['exec', '-it', '-u', '1000:1000', this.id, ...command], options);
  }

  remove(): void {
    docker('rm', '-f', this.id);
  }
}
