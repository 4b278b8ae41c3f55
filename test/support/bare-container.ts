/** A container of the student image without orchestrator and network: for tests of what happens inside one. */
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { $, $sync } from './shell.ts';
import { studentImage } from './student-image.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';
import { currentRun, isDeadRun } from './test-run.ts';

/** Label with the test run that started a container. */
export const RUN_LABEL = 'devenv.test-run';
const STARTUP_TIMEOUT_MS = 120_000;

export interface BareContainerOptions {
  /** What process 1 is; by default it only sleeps. */
  command?: string[];
  env?: Record<string, string>;
  /** Folders of the host, mounted read-only: path on the host by path in the container. */
  folders?: Record<string, string>;
  /** Size of the file system at /run/devenv, as the mount option has it. */
  runSize?: string;
  pidsLimit?: number;
}

/** What testcontainers has no method for; its fields are protected for this purpose. */
class StudentContainer extends GenericContainer {
  withHostConfig(options: { Sysctls: Record<string, string>; PidsLimit?: number | undefined }): this {
    Object.assign(this.hostConfig, options);
    return this;
  }
}

/** Removes the containers of test runs that were killed. */
export async function removeDeadContainers(): Promise<void> {
  const format = `{{.ID}} {{.Label "${RUN_LABEL}"}}`;
  const { stdout } = await $`docker ps -a --filter ${`label=${RUN_LABEL}`} --format ${format}`;
  for (const line of stdout.split('\n')) {
    const [id, run] = line.split(' ');
    if (id && run && isDeadRun(run)) await $`docker rm -f ${id}`.nothrow();
  }
}

export class BareContainer {
  readonly id: string;
  readonly #container: StartedTestContainer;

  private constructor(container: StartedTestContainer) {
    this.#container = container;
    this.id = container.getId();
  }

  static async start(options: BareContainerOptions = {}): Promise<BareContainer> {
    const { command = ['sleep', '3600'], env = {}, folders = {}, runSize = '4m', pidsLimit } = options;
    const container = new StudentContainer(await studentImage())
      .withCommand(command)
      .withUser('1000:1000')
      .withEnvironment({
        PORT: '3001',
        DEVENV_PORT: '3001',
        DEVENV_STUDENT: 'alice',
        DEVENV_URL: 'http://alice.test',
        ...env,
      })
      .withLabels({ [RUN_LABEL]: currentRun })
      .withNetworkMode('none')
      .withDroppedCapabilities('ALL')
      .withSecurityOpt('no-new-privileges')
      .withTmpFs({ '/run/devenv': `uid=1000,gid=1000,mode=0755,size=${runSize}` })
      .withBindMounts(
        Object.entries(folders).map(([target, source]) => ({ source, target, mode: 'ro' as const })),
      )
      .withHostConfig({ Sysctls: { 'net.ipv6.conf.lo.disable_ipv6': '0' }, PidsLimit: pidsLimit })
      // The label serves instead: testcontainers' reaper is an image of its own, which no registry gives us.
      .withAutoCleanup(false)
      .withStartupTimeout(STARTUP_TIMEOUT_MS)
      .withWaitStrategy(Wait.forSuccessfulCommand('true'));
    return new BareContainer(await container.start());
  }

  /** Runs a shell command in there and returns its output; throws where it fails. */
  run(script: string): string {
    return $sync`docker exec -u 1000:1000 ${this.id} bash -c ${script}`.stdout.trim();
  }

  /** A program in a terminal in there: an engine's exec, so its master is outside. */
  terminal(command: string[], options: TerminalOptions = {}): Terminal {
    return new Terminal('docker', ['exec', '-it', '-u', '1000:1000', this.id, ...command], options);
  }

  async remove(): Promise<void> {
    await this.#container.stop({ timeout: 0 });
  }
}
