/**
 * Asks a port that may be a debugger's the question that Chrome's developer tools ask. Unlike the protocol probe, this is
 * a request, which a student's program may see: only ports with signs of a debugger are asked (`debugger-signs.ts`).
 */
import { get } from 'node:http';

/** An inspector answers from a thread of its own, so also while its program is busy or paused. */
const ANSWER_TIMEOUT_MS = 3000;
/** Real answers have 50 to 450 bytes. */
const MAX_ANSWER_BYTES = 4096;

/** `{"Browser": "node.js/v26.10.0", "Protocol-Version": "1.1"}`: Node, Deno, Bun, workerd, wrangler and Chrome. */
const isVersion = (answer: string) => /"(Protocol-Version|webSocketDebuggerUrl)"\s*:/.test(answer);

/** Whether an HTTP server is an inspector; null if it did not answer. */
export function probeInspector(address: string, port: number): Promise<boolean | null> {
  return new Promise((resolve) => {
    const headers = { host: `localhost:${port}` };
    const request = get({ host: address, port, path: '/json/version', headers, agent: false }, (response) => {
      let answer = '';
      const finish = () => {
        resolve(isVersion(answer));
        request.destroy();
      };
      response.setEncoding('latin1');
      response.on('data', (part: string) => {
        answer += part;
        if (answer.length >= MAX_ANSWER_BYTES) finish();
      });
      response.on('end', finish);
      response.on('error', finish);
    });
    const timer = setTimeout(() => request.destroy(), ANSWER_TIMEOUT_MS);
    request.on('error', () => resolve(null));
    request.on('close', () => {
      clearTimeout(timer);
      resolve(null);
    });
  });
}
