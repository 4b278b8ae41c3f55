/**
 * Tries the firewall with packets, since rules that exist may be overruled: two short-lived helpers listen, one on the host
 * and one as a student, and a third one tries to reach them as another student.
 */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import { decodeFrames } from './container-log.ts';
import { HELPER_LABEL } from './firewall-helper.ts';
import type { StudentNetwork } from './network.ts';

/** How long the third helper tries to reach each of the two. The firewall refuses at once. */
const CONNECT_TIMEOUT_MS = 3000;
/** A helper ends after this time, also where nothing removes it. */
const HELPER_LIFETIME_MS = 60_000;
/** A helper that does not listen by then cannot. */
const LISTEN_TIMEOUT_MS = 20_000;

/** Listens at an address and prints the port. */
const LISTEN = `
const server = require('net').createServer((socket) => socket.on('error', () => {}).end());
server.listen(0, process.argv[1], () => console.log(server.address().port));
setTimeout(() => process.exit(), ${HELPER_LIFETIME_MS});
`;

/** Prints the arguments, each as ADDRESS:PORT, that it reaches. */
const CONNECT = `
const net = require('net');
for (const target of process.argv.slice(1)) {
  const [host, port] = target.split(':');
  const socket = net.connect(Number(port), host, () => { console.log(target); socket.destroy(); });
  socket.on('error', () => {});
  setTimeout(() => socket.destroy(), ${CONNECT_TIMEOUT_MS}).unref();
}
`;

export interface FirewallTrial {
  /** Whether a student reaches a service of the host. */
  reachesHost: boolean;
  /** Whether a student reaches a server of another student. */
  reachesStudents: boolean;
}

interface TrialDeps {
  docker: Docker;
  /** A student image. */
  image: string;
  network: StudentNetwork;
}

class Trial {
  readonly #deps: TrialDeps;
  readonly #helpers: Docker.Container[] = [];

  constructor(deps: TrialDeps) {
    this.#deps = deps;
  }

  async #create(networkMode: string, command: string[]): Promise<Docker.Container> {
    const { docker, image, network } = this.#deps;
    const container = await docker.createContainer({
      Image: image,
      Entrypoint: ['node', '-e'],
      Cmd: command,
      User: '65534:65534',
      Labels: { [HELPER_LABEL]: network.bridge },
      HostConfig: {
        NetworkMode: networkMode,
        UsernsMode: networkMode === 'host' ? 'host' : '',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        ReadonlyRootfs: true,
      },
    });
    this.#helpers.push(container);
    return container;
  }

  /** Starts a server on a free port of an address. */
  async #listen(networkMode: string, address: string): Promise<{ server: Docker.Container; port: string }> {
    const server = await this.#create(networkMode, [LISTEN, address]);
    const stream = await server.attach({ stream: true, stdout: true, stderr: true });
    const output = new PassThrough();
    server.modem.demuxStream(stream, output, output);
    stream.once('end', () => output.end('it ended'));
    const printed = once(output, 'data', { signal: AbortSignal.timeout(LISTEN_TIMEOUT_MS) });
    const [[text]] = await Promise.all([printed, server.start()]);
    const port = String(text).trim();
    if (!/^[0-9]+$/.test(port))
      throw new Error(`a helper cannot listen at ${address}: ${port.split('\n')[0]}`);
    return { server, port };
  }

  async run(): Promise<FirewallTrial> {
    const { network } = this.#deps;
    const student = await this.#listen(network.name, '0.0.0.0');
    const { NetworkSettings } = await student.server.inspect();
    const connected = NetworkSettings.Networks[network.name];
    if (!connected?.Gateway) throw new Error(`the network ${network.name} has no gateway`);
    const host = await this.#listen('host', connected.Gateway);
    const targets = {
      host: `${connected.Gateway}:${host.port}`,
      student: `${connected.IPAddress}:${student.port}`,
    };
    const attempt = await this.#create(network.name, [CONNECT, targets.host, targets.student]);
    await attempt.start();
    await attempt.wait();
    const reached = decodeFrames(await attempt.logs({ stdout: true, stderr: true })).split('\n');
    for (const { server } of [host, student])
      if (!(await server.inspect()).State.Running) throw new Error('a helper ended too early');
    return {
      reachesHost: reached.includes(targets.host),
      reachesStudents: reached.includes(targets.student),
    };
  }

  /** Removes the helpers. */
  async end(): Promise<void> {
    await Promise.all(this.#helpers.map((each) => each.remove({ force: true }).catch(() => undefined)));
  }
}

/** Tries what a student reaches. Rejects where the helpers cannot run. */
export async function tryFirewall(deps: TrialDeps): Promise<FirewallTrial> {
  const trial = new Trial(deps);
  try {
    return await trial.run();
  } finally {
    await trial.end();
  }
}
