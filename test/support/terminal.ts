/** A real terminal (pty) with a program in it, as a person would use it. */
import { type IPty, spawn } from '@lydell/node-pty';
import { type WaitOptions, waitFor } from './wait.ts';

export interface TerminalOptions {
  env?: Record<string, string>;
  cwd?: string;
  columns?: number;
  rows?: number;
}

// biome-ignore format: one pattern a line reads better than one long line
const ESCAPES = new RegExp([
  '\\x1b\\[[0-?]*[ -/]*[@-~]', // colours, cursor, bracketed paste
  '\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)', // titles
  '\\x1b[()][A-Z0-9]', '\\x1b[=>]',
].join('|'), 'g');

export class Terminal {
  readonly #pty: IPty;
  #text = '';
  #mark = 0;
  /** The exit code, once the program has ended. */
  readonly ended: Promise<number>;

  constructor(file: string, args: string[], options: TerminalOptions = {}) {
    this.#pty = spawn(file, args, {
      name: 'xterm-256color',
      cols: options.columns ?? 100,
      rows: options.rows ?? 30,
      cwd: options.cwd ?? process.cwd(),
      env: options.env ?? (process.env as Record<string, string>),
    });
    this.#pty.onData((data) => {
      this.#text += data;
    });
    this.ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => resolve(signal ? 128 + signal : exitCode));
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** All that the terminal has shown, without escape sequences and carriage returns. */
  get text(): string {
    return this.#text.replace(ESCAPES, '').replaceAll('\r', '');
  }

  /** How many characters programs have written, escape sequences included. */
  get writtenChars(): number {
    return this.#text.length;
  }

  /** What was shown since the last `type`. */
  get recentText(): string {
    return this.text.slice(this.#mark);
  }

  /** Types text as a person does; `\r` is the Enter key, `\x03` Ctrl-C, `\x04` Ctrl-D. */
  type(text: string): void {
    this.#mark = this.text.length;
    this.#pty.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** Waits until what was shown since the last `type` matches. */
  async see(pattern: RegExp, options: WaitOptions = {}): Promise<RegExpMatchArray> {
    return waitFor(`the terminal to show ${pattern}`, () => this.recentText.match(pattern), {
      lastSeen: () => this.recentText.slice(-2000),
      ...options,
    });
  }

  /** Types a command line and waits for its prompt to come back; returns what it printed. */
  async run(line: string, options: WaitOptions = {}): Promise<string> {
    const done = `done-${Math.random().toString(36).slice(2)}`;
    // The quotes keep the echo of the typed line from matching.
    this.type(`${line}; echo "${done.slice(0, 4)}""${done.slice(4)}"\r`);
    // What is typed before the prompt is there is echoed twice. What runs in the background may write behind it.
    await this.see(new RegExp(`^${done}\n[^]*[$>] `, 'm'), { everyMs: 10, ...options });
    return this.recentText.split('\n').slice(1, -1).join('\n').split(done)[0]?.trim() ?? '';
  }

  /** Ends what runs by Ctrl-C; returns at the prompt. */
  async interrupt(): Promise<void> {
    this.type('\x03');
    await this.see(/\$ $/);
  }

  /** Ends what runs, and then the shell. */
  async leave(): Promise<void> {
    await this.interrupt();
    this.type('exit\r');
    await this.ended;
  }

  /** The terminal is closed, as by a window's button: its programs get SIGHUP. */
  kill(signal = 'SIGHUP'): void {
    this.#pty.kill(signal);
  }
}
