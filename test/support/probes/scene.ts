/**
 * What probes attack: an installation with an attacker and another student, addresses behind a network of the test's
 * own, and containers like the attacker's with single protections switched off.
 */
import Docker from 'dockerode';
import { networkOf } from '../../../orchestrator/environments/network.ts';
import { type Classroom, openClassroom } from '../../matrix/classroom.ts';
import type { ClassroomStudent } from '../../matrix/classroom-student.ts';
import { AttackerNetwork } from '../attacker-network.ts';
import { RUN_LABEL } from '../bare-container.ts';
import { withoutFirewall, withoutIngressRules, withoutTrafficLimits } from '../firewall-switch.ts';
import { $ } from '../shell.ts';
import { currentRun } from '../test-run.ts';

/** Addresses that no student may reach; an HTTP server answers on port 8000 of each. */
export const REFUSED_ADDRESSES = [
  '169.254.169.254',
  '10.77.0.7',
  '172.31.77.7',
  '192.168.77.7',
  '100.64.77.7',
];

/** An address in the same network that students may reach. */
export const ALLOWED_ADDRESS = '10.77.0.8';

/** A public address, as far as the rules know (RFC 5737), that the setting `deny` refuses. */
export const DENIED_ADDRESS = '192.0.2.78';

/** What each student of the scene may send and receive in a second; low, so that little traffic shows the limit. */
export const SCENE_BANDWIDTH_BYTES = 4 * 2 ** 20;

/** The students' name server, in the same network. */
const RESOLVER_ADDRESS = '10.77.0.53';

/** Size of each home of the scene. */
export const SCENE_HOME_BYTES = 2 ** 30;

export class Scene {
  readonly devenv: Classroom['devenv'];
  readonly attacker: ClassroomStudent;
  readonly other: ClassroomStudent;
  readonly #classroom: Classroom;
  readonly #network: AttackerNetwork;
  readonly #docker = new Docker();
  readonly #containers: Docker.Container[] = [];

  private constructor(classroom: Classroom, network: AttackerNetwork) {
    const [attacker, other] = classroom.students;
    if (attacker === undefined || other === undefined) throw new Error('the scene needs two students');
    this.#classroom = classroom;
    this.#network = network;
    this.devenv = classroom.devenv;
    this.attacker = attacker;
    this.other = other;
  }

  static async open(): Promise<Scene> {
    const network = await AttackerNetwork.create([
      ...REFUSED_ADDRESSES,
      ALLOWED_ADDRESS,
      DENIED_ADDRESS,
      RESOLVER_ADDRESS,
    ]);
    try {
      await network.serveNames(RESOLVER_ADDRESS);
      const classroom = await openClassroom({
        students: 2,
        env: {
          DEVENV_LIMITS_PIDS: '150',
          DEVENV_LIMITS_HOME: `${SCENE_HOME_BYTES / 2 ** 20}m`,
          DEVENV_LIMITS_BANDWIDTH: `${SCENE_BANDWIDTH_BYTES / 2 ** 20}m`,
          DEVENV_ALLOW: ALLOWED_ADDRESS,
          DEVENV_RESOLVERS: RESOLVER_ADDRESS,
          DEVENV_DENY: DENIED_ADDRESS,
        },
      });
      return new Scene(classroom, network);
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  /** Runs the task while the students' firewall is switched off. */
  withoutFirewall<Result>(task: () => Promise<Result>): Promise<Result> {
    return withoutFirewall(networkOf(this.devenv.instance).bridge, task);
  }

  /** Runs the task while connections and bandwidth of students are not limited. */
  withoutTrafficLimits<Result>(task: () => Promise<Result>): Promise<Result> {
    return withoutTrafficLimits(networkOf(this.devenv.instance).bridge, task);
  }

  /** Runs the task while neighbors of the host may reach the students' addresses. */
  withoutIngressRules<Result>(task: () => Promise<Result>): Promise<Result> {
    return withoutIngressRules(networkOf(this.devenv.instance).bridge, task);
  }

  /** The HTTP status that a neighbor of the host gets from an address behind the host; `000` for no answer. */
  neighborStatusOf(address: string, host: string): Promise<string> {
    return this.#network.statusOf(address, host);
  }

  /** What a student gets from a server of the scene: `reached` or `refused`. */
  async tryFrom(student: ClassroomStudent, target: string): Promise<string> {
    return student.runScript(`curl -s -m 4 --noproxy '*' http://${target}/ || echo refused`);
  }

  /** The student's address on the students' network, and the host's. */
  async addressesOf(student: ClassroomStudent): Promise<{ own: string; host: string }> {
    const { NetworkSettings } = await this.#docker.getContainer(student.container).inspect();
    const network = NetworkSettings.Networks[networkOf(this.devenv.instance).name];
    return { own: network?.IPAddress ?? '', host: network?.Gateway ?? '' };
  }

  /** Serves the app of test/matrix/app in the other student's terminal, until their link shows it. */
  async serveOther(): Promise<void> {
    const terminal = await this.other.openTerminal();
    terminal.type('cd ~/app; npm run dev\r');
    await this.other.secondsUntilPage((body) => body.startsWith('app of'), performance.now());
  }

  /**
   * A container with the attacker's options except `changes`, without home, socket, network and published port. It
   * sleeps, and is removed with the scene. Returns a function that runs a script in it, by default as the container's
   * user, and resolves to what the script printed, errors included.
   */
  async containerLikeAttacker(
    changes: Docker.HostConfig = {},
    containerUser?: string,
  ): Promise<(script: string, user?: string) => Promise<string>> {
    const { Config, HostConfig } = await this.#docker.getContainer(this.attacker.container).inspect();
    const container = await this.#docker.createContainer({
      Image: Config.Image,
      User: containerUser ?? Config.User,
      Env: Config.Env,
      ExposedPorts: Config.ExposedPorts ?? {},
      Cmd: ['sleep', '3600'],
      Labels: { [RUN_LABEL]: currentRun },
      HostConfig: { ...HostConfig, Mounts: [], PortBindings: {}, NetworkMode: 'none', ...changes },
    });
    this.#containers.push(container);
    await container.start();
    return async (script, user = containerUser ?? Config.User) => {
      const args = ['exec', '-u', user, container.id, 'bash', '-c', script];
      return (await $`docker ${args}`.nothrow()).stdall.trim();
    };
  }

  /** Removes the containers of `containerLikeAttacker`. */
  async removeContainers(): Promise<void> {
    for (const container of this.#containers.splice(0))
      await container.remove({ force: true, v: true }).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.removeContainers();
    await this.#network.remove();
    await this.#classroom.close();
  }
}
