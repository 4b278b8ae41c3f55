/**
 * Signs of a debugger in a listener's process and port: a visitor who connects to a debugger runs code as the student. A port
 * that is certainly a debugger's is never probed: Deno prints a line for the probe, and a JVM waits for the handshake.
 * Measured with Node 26, Deno 2.9, Bun 1.4, wrangler 4.164, Chromium 156, debugpy 1.8 and Java's JDWP agent.
 */
import { basename } from 'node:path';

/** `certain`: a debugger. `possible`: only its answer tells (`inspector-probe.ts`). */
export type DebuggerSign = 'certain' | 'possible' | 'none';

/** What the signs are read from. */
export interface ListeningProcess {
  /** The kernel's name, at most 15 bytes. */
  name: string;
  /** The words of the command line. */
  words: readonly string[];
  /** A variable of its environment; null if it has none. */
  variable(name: string): string | null;
}

/** Defaults of Chrome (9222), Bun (6499), and Node, Deno and wrangler: 9229, and upwards for each worker or if taken. */
const isInspectorPort = (port: number) => port === 9222 || port === 6499 || (port >= 9229 && port <= 9329);

/** Programs whose every port controls a browser or a program. */
const REMOTE_CONTROLLED = new Set([
  ...['chrome', 'chromium', 'google-chrome', 'headless_shell', 'chrome-headless', 'msedge', 'brave'],
  ...['firefox', 'firefox-esr', 'chromedriver', 'geckodriver', 'msedgedriver'],
  ...['dlv', 'gdbserver', 'lldb-server'],
]);

/** The port at the end of `[HOST:]PORT[/PATH]`; null if there is none, or if the system chooses it (0). */
export function portIn(address: string | undefined): number | null {
  const port = Number(address?.match(/(?:^|:)(\d+)(?:\/.*)?$/)?.[1] ?? 0);
  return port === 0 ? null : port;
}

/** The values of an option, `--name=value` or `--name value`. */
export function valuesOf(words: readonly string[], name: string): string[] {
  return words.flatMap((word, at) => {
    if (word === name) return [words[at + 1] ?? ''];
    return word.startsWith(`${name}=`) ? [word.slice(name.length + 1)] : [];
  });
}

/** Node, Deno and Bun. `--inspect` alone means the default port, and takes no value from the next word. */
function hasInspectFlag(words: readonly string[], port: number): boolean {
  return words.some((word) => {
    const flag = word.match(/^--(?:inspect(?:-brk|-wait|-port)?|debug-port)(?:=(.*))?$/);
    if (flag === null) return false;
    return flag[1] === undefined ? isInspectorPort(port) : portIn(flag[1]) === port;
  });
}

/** The JVM's agent: `-agentlib:jdwp=…,address=*:5005` or the older `-Xrunjdwp:…`. */
function hasJdwp(words: readonly string[], port: number): boolean {
  return words.some((word) => {
    if (!/^-(agentlib:jdwp=|Xrunjdwp:)/.test(word)) return false;
    return word.split(/[,=]/).some((part, at, parts) => parts[at - 1] === 'address' && portIn(part) === port);
  });
}

/** `python -m debugpy --listen 5678 app.py`; another process listens, with a command line that names the adapter. */
function hasDebugpy(words: readonly string[], port: number): boolean {
  if (words.some((word) => /debugpy\/adapter(\/__main__\.py)?$/.test(word))) return true;
  const isNamed = words.some((word) => /(^|\/)(debugpy|pydevd|pydevd\.py)$/.test(word));
  return isNamed && [...valuesOf(words, '--listen'), ...valuesOf(words, '--port')].map(portIn).includes(port);
}

/**
 * workerd names its app's sockets on the command line. With `--inspector-addr=127.0.0.1:0`, as wrangler starts it, each
 * other port is the inspector or internal. wrangler's own inspector, on 9229, is a workerd with sockets from a file.
 */
function workerdSign({ words }: ListeningProcess, port: number): DebuggerSign {
  const named = valuesOf(words, '--socket-addr').map(portIn);
  if (named.includes(port)) return 'none';
  const debuggers = [...valuesOf(words, '--inspector-addr'), ...valuesOf(words, '--debug-port')].map(portIn);
  if (debuggers.includes(port) || debuggers.includes(null)) return 'certain';
  return named.length > 0 || isInspectorPort(port) ? 'possible' : 'none';
}

const wordsOf = (text: string | null): string[] => text?.split(/\s+/) ?? [];

/** `process` is null if it is unknown. */
export function debuggerSign(process: ListeningProcess | null, port: number): DebuggerSign {
  const byPort = isInspectorPort(port) ? 'possible' : 'none';
  if (process === null) return byPort;
  const { name, words } = process;
  const program = basename(words[0] ?? '');
  if (REMOTE_CONTROLLED.has(name) || REMOTE_CONTROLLED.has(program)) return 'certain';
  if (name === 'workerd' || program === 'workerd') return workerdSign(process, port);
  const javaOptions = ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'].flatMap((variable) =>
    wordsOf(process.variable(variable)),
  );
  const isCertain =
    hasInspectFlag([...words, ...wordsOf(process.variable('NODE_OPTIONS'))], port) ||
    portIn(process.variable('BUN_INSPECT')?.replace(/\?.*$/, '')) === port ||
    valuesOf(words, '--remote-debugging-port').some((value) => [port, null].includes(portIn(value))) ||
    hasDebugpy(words, port) ||
    hasJdwp([...words, ...javaOptions], port);
  return isCertain ? 'certain' : byPort;
}
