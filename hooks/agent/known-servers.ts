/**
 * Web servers that are recognized by their command line and not probed: they print a warning, some with a stack, for the
 * probe, and PHP's answers nothing but requests. Their port is on the command line, or the default one.
 */
import { basename } from 'node:path';
import { portIn, valuesOf } from './debugger-signs.ts';

/** Python's servers for ASGI: uvicorn warns of the probe, version 0.17 with 30 lines. */
const ASGI_SERVERS: ReadonlySet<string> = new Set(['uvicorn', 'hypercorn', 'daphne', 'granian', 'fastapi']);
const ASGI_PORT_OPTIONS = ['--port', '-p', '--bind', '-b'];
const ASGI_PORT = 8000;
const TLS_OPTION = /^--(ssl-)?(keyfile|certfile|certificate)(=|$)/;

/** An interpreter, its `-m` and the module: `python3 -m uvicorn`. */
const PROGRAM_WORDS = 3;

/** What the process speaks on the port; null if only a probe can tell. `words`: its command line. */
export function knownProtocol(words: readonly string[], port: number): 'http' | 'https' | null {
  const names = words.slice(0, PROGRAM_WORDS).map((word) => basename(word));
  if (/^php[\d.]*$/.test(names[0] ?? ''))
    return valuesOf(words, '-S').some((address) => portIn(address) === port) ? 'http' : null;
  if (!names.some((name) => ASGI_SERVERS.has(name))) return null;
  const named = ASGI_PORT_OPTIONS.flatMap((option) => valuesOf(words, option)).map(portIn);
  if (!(named.length === 0 ? port === ASGI_PORT : named.includes(port))) return null;
  return words.some((word) => TLS_OPTION.test(word)) ? 'https' : 'http';
}
