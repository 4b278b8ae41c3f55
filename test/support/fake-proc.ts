/** A /proc of a test's own, in the form that the kernel gives it: what is in the process table at a look, and what is not yet. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessTable } from '../../hooks/agent/process-table.ts';
import type { ShellRecord } from '../../hooks/agent/shell-records.ts';

export class FakeProc {
  readonly folder = mkdtempSync(join(tmpdir(), 'devenv-proc-'));

  /** Starts one; its start time is its pid, so that its id is `PID:PID`. */
  run(pid: number, { parent, command, env = '' }: { parent: number; command: string; env?: string }): void {
    const folder = join(this.folder, String(pid));
    mkdirSync(folder, { recursive: true });
    // Fields 3 to 22: state, parent, group, session, terminal, foreground, …, start time.
    const fields = ['S', parent, pid, parent, 0, -1, ...Array(13).fill(0), pid];
    writeFileSync(join(folder, 'stat'), `${pid} (${command.split(' ')[0]}) ${fields.join(' ')}\n`);
    writeFileSync(join(folder, 'cmdline'), command.replaceAll(' ', '\0'));
    writeFileSync(join(folder, 'environ'), env);
  }

  end(pid: number): void {
    rmSync(join(this.folder, String(pid)), { recursive: true });
  }

  /** As it is now. */
  table(): ProcessTable {
    return new ProcessTable(this.folder);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the hooks of the shell with that pid have said. */
export const shellOf = (pid: number, parts: Partial<ShellRecord> = {}): ShellRecord => ({
  pid,
  id: `${pid}:${pid}`,
  count: 1,
  phase: 'prompt',
  port: 'ok',
  quiet: false,
  command: '',
  writtenAt: Date.now(),
  ...parts,
});
