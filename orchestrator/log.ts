/** The daemon's log: pino writes JSON lines, `devenv logs` reads them. */
import { createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Logger, pino } from 'pino';
import type { LogLine } from './domain.ts';

export type Log = Logger;

/** Bytes that wait for a full disk; later lines are dropped. */
const MAX_BUFFERED_BYTES = 2 ** 20;

/**
 * Writes lines to a file, and keeps them where the file can't be written. Not pino's own destination: at `fatal` it
 * repeats a write until it succeeds, so that a full disk would stop the whole process there.
 */
class LogFile {
  readonly #descriptor: number;
  #unwritten = Buffer.alloc(0);

  constructor(destination: string | number) {
    this.#descriptor = typeof destination === 'number' ? destination : openSync(destination, 'a', 0o600);
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#unwritten.length + bytes.length <= MAX_BUFFERED_BYTES)
      this.#unwritten = Buffer.concat([this.#unwritten, bytes]);
    try {
      while (this.#unwritten.length > 0)
        this.#unwritten = this.#unwritten.subarray(writeSync(this.#descriptor, this.#unwritten));
    } catch {
      // The next line tries again.
    }
  }
}

/** Opens a log that writes to a file descriptor or path. Fields that may contain a secret are redacted by their names. */
export function openLog(destination: string | number): Log {
  return pino(
    {
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ['*.apiToken', '*.authorization', '*.headers.authorization'],
        censor: '[hidden]',
      },
    },
    new LogFile(destination),
  );
}

/** The fields of a log line that are shown. */
interface PinoLine {
  level: number;
  time: string;
  msg?: string;
  student?: string;
  err?: { message?: string };
}

/** pino's levels: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
function levelOf(level: number): LogLine['level'] {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warn';
  return level >= 30 ? 'info' : 'debug';
}

function parseLine(line: string): LogLine | null {
  try {
    const { level, time, msg, student, err } = JSON.parse(line) as PinoLine;
    const text = [msg, err?.message].filter(Boolean).join(': ');
    return { at: time, level: levelOf(level), student: student ?? null, text };
  } catch {
    // Not written by pino, but e.g. a stack trace of a crash: shown unchanged.
    return line.trim() === '' ? null : { at: '', level: 'error', student: null, text: line };
  }
}

/** The newest `count` lines of the log file, oldest first: of one student, or of all if `student` is null. */
export async function readLog(path: string, student: string | null, count: number): Promise<LogLine[]> {
  const newest: LogLine[] = [];
  const lines = createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  for await (const line of lines) {
    const parsed = parseLine(line);
    if (parsed === null || (student !== null && parsed.student !== student)) continue;
    newest.push(parsed);
    if (newest.length > count) newest.shift();
  }
  return newest;
}
