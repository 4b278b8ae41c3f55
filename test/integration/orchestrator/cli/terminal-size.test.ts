/** Commands on a terminal that reports 0 columns and 0 rows, as CI runners, expect and serial consoles do. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Terminal } from '../../../support/terminal.ts';
import { waitFor } from '../../../support/wait.ts';

const main = new URL('../../../../orchestrator/cli/main.ts', import.meta.url).pathname;

/** Far more than the few lines that a command prints, far less than what a spinner writes that redraws without end. */
const MAX_OUTPUT_CHARS = 10_000;

/** The daemon answers after several turns of a spinner. */
const ANSWER_AFTER_MS = 500;

let folder: string;
let daemon: Server;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-size-'));
  const drift = [
    { hostname: 'alice.test', student: 'alice', found: 'no record', action: 'add it', failed: null },
  ];
  daemon = createServer((_request, response) => {
    setTimeout(() => response.end(JSON.stringify(drift)), ANSWER_AFTER_MS);
  }).listen(join(folder, 'api.sock'));
  await once(daemon, 'listening');
});
afterEach(() => {
  daemon.closeAllConnections();
  daemon.close();
  rmSync(folder, { recursive: true });
});

test.each([
  [0, 0],
  [0, 24],
  [1, 1],
])(
  'a command with progress and a table ends on a terminal of %d columns and %d rows',
  async (columns, rows) => {
    const { CI: _, ...inherited } = process.env;
    const script = `stty cols ${columns} rows ${rows}; exec ${process.execPath} --no-warnings ${main} sync`;
    const terminal = new Terminal('sh', ['-c', script], {
      env: { ...(inherited as Record<string, string>), DEVENV_STATE_DIR: folder },
    });
    let code: number | null = null;
    void terminal.ended.then((exitCode) => {
      code = exitCode;
    });
    try {
      await waitFor('the command to end', () => {
        if (terminal.writtenChars > MAX_OUTPUT_CHARS) throw new Error('the command writes without end');
        return code !== null;
      });
    } finally {
      if (code === null) process.kill(terminal.pid, 'SIGKILL');
    }
    expect(code).toBe(0);
    expect(terminal.text).toContain('Comparing');
    expect(terminal.text).toMatch(/alice\.test +alice +no record +add it: done/);
  },
);
