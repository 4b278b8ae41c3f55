/**
 * Which of the edge's headers about the visitor an app gets, from its process and project. On a student's own machine no app
 * gets them, and some fail with them; others need them, for example to set `secure` cookies.
 */
import { existsSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Listener } from '../../orchestrator/protocol/messages.ts';
import { readText } from './read-file.ts';
import type { VisitorHeaders } from './relay/rewrite.ts';

/** Folders that are searched upwards from the app's own for its project. */
const MAX_FOLDERS = 12;

/** Only their session libraries discard `secure` cookies without `X-Forwarded-Proto`; Python's and PHP's set them always. */
const JAVASCRIPT_RUNTIMES = new Set(['node', 'nodejs', 'bun', 'deno', 'tsx', 'ts-node']);

/** Dev servers with their own idea of the scheme: with the header they refuse forms, or ask themselves in HTTPS. */
const DEV_SERVER =
  /(?:^|\/)(?:next(?:-server)?|astro|vite|nuxi?|nuxt|svelte-kit|ng|webpack(?:-dev-server)?|react-scripts|react-router(?:-dev|-serve)?|remix(?:-serve)?|gatsby|parcel|vue-cli-service|storybook|eleventy|rsbuild|rspack|wrangler|expo)(?:\.[cm]?js)?$/;

/** Packages that compare the origin of a form with the address of the request, with the scheme of this header. */
const SCHEME_COMPARING_PACKAGES = ['next', 'astro', 'better-auth'];

/** Prints an error for a request with `X-Forwarded-For`, unless Express trusts its proxy. */
const RATE_LIMITER = 'express-rate-limit';
const TRUST_PROXY = /trust.?proxy/i;

interface AppProcess {
  pid: number;
  /** The words of its command line. */
  words: readonly string[];
}

/** Processes whose headers are remembered. */
const MAX_PROCESSES = 64;

/** The folder and those above it. */
function foldersFrom(folder: string): string[] {
  const folders = [folder];
  for (let at = dirname(folder); at !== folders.at(-1) && folders.length < MAX_FOLDERS; at = dirname(at))
    folders.push(at);
  return folders;
}

/** The packages that a package.json asks for; null if it can't be read. */
function packagesIn(folder: string): Set<string> | null {
  try {
    const { dependencies, devDependencies } = JSON.parse(readText(join(folder, 'package.json')) ?? '');
    return new Set([...Object.keys(dependencies ?? {}), ...Object.keys(devDependencies ?? {})]);
  } catch {
    return null;
  }
}

/** The script that the process runs, so far as its command line names it. */
function mainScript(words: readonly string[], folder: string): string {
  const script = words.slice(1).find((word) => /\.[cm]?[jt]sx?$/.test(word));
  return script === undefined ? '' : (readText(join(script.startsWith('/') ? '' : folder, script)) ?? '');
}

/** `proc`: the path of the proc file system. */
function visitorHeadersFor({ pid, words }: AppProcess, proc: string): VisitorHeaders {
  let folder: string;
  try {
    folder = readlinkSync(`${proc}/${pid}/cwd`);
  } catch {
    return { scheme: false, address: true };
  }
  const folders = foldersFrom(folder);
  const isPlainScript =
    JAVASCRIPT_RUNTIMES.has(basename(words[0] ?? '')) && !words.some((word) => DEV_SERVER.test(word));
  const packages = folders.map(packagesIn).find((each) => each !== null);
  const hasRateLimiter = folders.some((each) => existsSync(join(each, 'node_modules', RATE_LIMITER)));
  return {
    scheme: isPlainScript && !SCHEME_COMPARING_PACKAGES.some((name) => packages?.has(name)),
    address: !hasRateLimiter || TRUST_PROXY.test(mainScript(words, folder)),
  };
}

/** Reads each project once per process: a changed project starts its app again. */
export class VisitorHeaderSelection {
  readonly #proc: string;
  readonly #byProcess = new Map<string, VisitorHeaders>();

  /** `proc`: the path of the proc file system. */
  constructor(proc: string) {
    this.#proc = proc;
  }

  /** For a listener of the report. */
  for({ process, command }: Pick<Listener, 'process' | 'command'>): VisitorHeaders {
    const id = process ?? '';
    const known = this.#byProcess.get(id);
    if (known !== undefined) return known;
    if (this.#byProcess.size >= MAX_PROCESSES) this.#byProcess.clear();
    const app = { pid: Number.parseInt(id, 10), words: command.split(' ') };
    const headers = visitorHeadersFor(app, this.#proc);
    this.#byProcess.set(id, headers);
    return headers;
  }
}
