/**
 * Addresses that a student must not reach, in a network namespace of the test's own: nothing leaves the machine,
 * and the test can fail. A tiny HTTP server answers on each of them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { waitFor } from './wait.ts';

const ip = (...args: string[]) =>
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

const SERVER = `require('http').createServer((q, r) => r.end('reached')).listen(8000, '0.0.0.0', () => console.log('up'))`;

export class AttackerNetwork {
  readonly #name: string;
  readonly #addresses: string[];
  #server: ChildProcess | null = null;

  private constructor(name: string, addresses: string[]) {
    this.#name = name;
    this.#addresses = addresses;
  }

  /** A namespace behind a veth of the host, with a route to each address. */
  static async make(addresses: string[]): Promise<AttackerNetwork> {
    const name = `dvt${process.pid}`;
    const network = new AttackerNetwork(name, addresses);
    ip('netns', 'add', name);
    ip('link', 'add', `${name}h`, 'type', 'veth', 'peer', 'name', `${name}n`, 'netns', name);
    // A link network of the test's own between the two ends (RFC 5737, TEST-NET-2).
    ip('addr', 'add', '198.51.100.1/30', 'dev', `${name}h`);
    ip('link', 'set', `${name}h`, 'up');
    const inside = (...args: string[]) => ip('-n', name, ...args);
    inside('addr', 'add', '198.51.100.2/30', 'dev', `${name}n`);
    inside('link', 'set', `${name}n`, 'up');
    inside('link', 'set', 'lo', 'up');
    inside('route', 'add', 'default', 'via', '198.51.100.1');
    for (const address of addresses) {
      inside('addr', 'add', `${address}/32`, 'dev', 'lo');
      ip('route', 'add', `${address}/32`, 'via', '198.51.100.2');
    }
    network.#server = spawn('ip', ['netns', 'exec', name, process.execPath, '-e', SERVER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    network.#server.stdout?.on('data', (data) => {
      output += data;
    });
    await waitFor('the server in the namespace', () => output.includes('up'));
    return network;
  }

  remove(): void {
    this.#server?.kill('SIGKILL');
    for (const address of this.#addresses) ip('route', 'del', `${address}/32`);
    ip('link', 'del', `${this.#name}h`);
    ip('netns', 'del', this.#name);
  }
}
