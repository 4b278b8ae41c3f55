import type Docker from 'dockerode';
import type { ContainerLogLine } from './types.ts';

/** Longest line that is shown; the rest of a longer one says nothing more to a person. */
const MAX_TEXT = 500;

/** Splits the engine's log stream: frames of an eight-byte header (stream, length) and payload. */
function payload(log: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= log.length; ) {
    const length = log.readUInt32BE(at + 4);
    parts.push(log.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString();
}

/** The newest lines of a container's log. Its bytes are hostile: control characters are taken out. */
export async function readContainerLog(
  container: Docker.Container,
  lines: number,
): Promise<ContainerLogLine[]> {
  const log = await container.logs({
    stdout: true,
    stderr: true,
    timestamps: true,
    tail: lines,
  });
  return payload(log)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const space = line.indexOf(' ');
      const text = line.slice(space + 1).replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
      return { at: line.slice(0, space), text: text.slice(0, MAX_TEXT) };
    });
}
