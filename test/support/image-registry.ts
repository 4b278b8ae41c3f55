/** A registry of container images on loopback, with one image whose tag can move to another release. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import tar from 'tar-stream';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar';
const ARCHITECTURES: Partial<Record<string, string>> = { x64: 'amd64' };

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

export class ImageRegistry {
  readonly #server: Server;
  readonly #contents = new Map<string, Buffer>();
  #manifest = '';
  /** Requests so far. */
  requests = 0;

  private constructor() {
    this.#server = createServer(({ url = '', method }, response) => {
      this.requests += 1;
      const [, kind, reference = ''] = url.match(/^\/v2\/debian\/(manifests|blobs)\/(.+)$/) ?? [];
      if (url === '/v2/') return void response.end('{}');
      const digest = reference === 'bookworm-slim' ? this.#manifest : reference;
      const content = this.#contents.get(digest);
      if (content === undefined) return void response.writeHead(404).end();
      response.setHeader('content-type', kind === 'manifests' ? MANIFEST : 'application/octet-stream');
      response.setHeader('docker-content-digest', digest);
      response.setHeader('content-length', content.length);
      response.end(method === 'HEAD' ? undefined : content);
    });
  }

  static async start(): Promise<ImageRegistry> {
    const registry = new ImageRegistry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** The image, as `name:tag`. The engine speaks plain HTTP to registries on loopback. */
  get image(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}/debian:bookworm-slim`;
  }

  #add(content: Buffer): { digest: string; size: number } {
    const digest = digestOf(content);
    this.#contents.set(digest, content);
    return { digest, size: content.length };
  }

  /** Moves the tag to an image with one file, `/release`. Returns the digest of its manifest. */
  async publish(release: string): Promise<string> {
    const pack = tar.pack();
    pack.entry({ name: 'release', mtime: new Date(0) }, release);
    pack.finalize();
    const layer = this.#add(await buffer(pack));
    const config = {
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...this.#add(Buffer.from(JSON.stringify(config))) },
      layers: [{ mediaType: LAYER, ...layer }],
    };
    this.#manifest = this.#add(Buffer.from(JSON.stringify(manifest))).digest;
    return this.#manifest;
  }

  /** Refuses the tag from now on. */
  unpublish(): void {
    this.#manifest = '';
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
