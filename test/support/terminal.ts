/** A program in a real terminal (pty), used as a person would: by typing and reading. */
import { type IPty, spawn } from '@lydell/node-pty';
import { type WaitOptions, waitFor } from './wait.ts';

export interface TerminalOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** `TERM` of the programs; xterm-256color by default. */
  type?: string;
  columns?: number;
  rows?: number;
}

// biome-ignore format: one pattern per line
const ESCAPES = new RegExp([
  '\\x1b\\[[0-?]*[ -/]*[@-~]', // colours, cursor, bracketed paste
  '\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)', // titles
  '\\x1b[()][A-Z0-9]', '\\x1b[=>]',
].join('|'), 'g');

export class Terminal {
  readonly #pty: IPty;
  #text = '';
  #mark = 0;
  /** Resolves to the exit code when the program ends; 128 plus the signal's number if a signal ended it. */
  readonly ended: Promise<number>;

  constructor(file: string, args: string[], options: TerminalOptions = {}) {
    this.#pty = spawn(file, args, {
      name: options.type ?? 'xterm-256color',
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

  /** Everything that the terminal has shown, without escape sequences and carriage returns. */
  get text(): string {
    return this.#text.replace(ESCAPES, '').replaceAll('\r', '');
  }

  /** How many characters programs have written, escape sequences included. */
  get writtenChars(): number {
    return this.#text.length;
  }

  /** What the terminal has shown since the last `type`. */
  get recentText(): string {
    return this.text.slice(this.#mark);
  }

  /** Types text; `\r` is the Enter key, `\x03` Ctrl-C, `\x04` Ctrl-D. */
  type(text: string): void {
    this.#mark = this.text.length;
    this.#pty.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** Waits until `recentText` matches. */
  async see(pattern: RegExp, options: WaitOptions = {}): Promise<RegExpMatchArray> {
    return waitFor(`the terminal to show ${pattern}`, () => this.recentText.match(pattern), {
      lastSeen: () => this.recentText.slice(-2000),
      ...options,
    });
  }

  /** Types a command line and waits for the next prompt; returns what the command printed. */
  async run(line: string, options: WaitOptions = {}): Promise<string> {
    const marker = `done-${Math.random().toString(36).slice(2)}`;
    // The quotes keep the echo of the typed line from matching the marker.
    this.type(`${line}; echo "${marker.slice(0, 4)}""${marker.slice(4)}"\r`);
    // Not anchored: the command's output may lack a last newline, and a background program may write behind the prompt.
    await this.see(new RegExp(`${marker}\n[^]*[$>] `), { everyMs: 10, ...options });
    return this.recentText.split('\n').slice(1, -1).join('\n').split(marker)[0]?.trim() ?? '';
  }

  /** Ends the running program with Ctrl-C and waits for the prompt. */
  async interrupt(): Promise<void> {
    this.type('\x03');
    await this.see(/\$ $/);
  }

  /** Ends the running program and then the shell. */
  async leave(): Promise<void> {
    await this.interrupt();
    this.type('exit\r');
    await this.ended;
  }

  /** Closes the terminal like a window's close button: its programs get SIGHUP. */
  kill(signal = 'SIGHUP'): void {
    this.#pty.kill(signal);
  }
}
