/** The daemon's log: pino writes JSON lines, `devenv logs` reads them. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Logger, pino } from 'pino';
import type { LogLine } from './domain.ts';

export type Log = Logger;

/** Lines that wait for a full disk; later ones are dropped. */
const MAX_BUFFERED_BYTES = 2 ** 20;

/** Opens a log that writes to a file descriptor or path. Fields that may contain a secret are redacted by their names. */
export function openLog(destination: string | number): Log {
  const file = pino.destination({ dest: destination, sync: true, maxLength: MAX_BUFFERED_BYTES });
  // The disk may be full. Lines are buffered until the file can be written again; more than the buffer are lost.
  file.on('error', () => {});
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
    file,
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
