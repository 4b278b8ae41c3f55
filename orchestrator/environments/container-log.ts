/** Reads what a container has printed. */
import type Docker from 'dockerode';
import { printableLine } from '../protocol/printable-text.ts';
import type { ContainerLogLine } from './types.ts';

/** Characters of a line that are kept; the rest of a longer line tells a person nothing more. */
const MAX_LINE_LENGTH = 500;

/** Bytes in front of each frame of the engine's log stream; the last four are the payload's length. */
const FRAME_HEADER_BYTES = 8;

/** What the container has printed: the payload of all frames. */
export function decodeFrames(log: Buffer): string {
  const payloads: Buffer[] = [];
  for (let at = 0; at + FRAME_HEADER_BYTES <= log.length; ) {
    const start = at + FRAME_HEADER_BYTES;
    const end = start + log.readUInt32BE(at + 4);
    payloads.push(log.subarray(start, end));
    at = end;
  }
  return Buffer.concat(payloads).toString();
}

/** The newest `count` lines of a container's log. Students control its bytes, so unprintable ones are removed. */
export async function readContainerLog(
  container: Docker.Container,
  count: number,
): Promise<ContainerLogLine[]> {
  const log = await container.logs({ stdout: true, stderr: true, timestamps: true, tail: count });
  return decodeFrames(log)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const space = line.indexOf(' ');
      const text = printableLine(line.slice(space + 1));
      return { at: line.slice(0, space), text: text.slice(0, MAX_LINE_LENGTH) };
    });
}
