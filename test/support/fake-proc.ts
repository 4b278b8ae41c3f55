/** A /proc folder in the kernel's format, in which a test decides when a process appears. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessTable } from '../../hooks/agent/process-table.ts';
import type { ShellRecord } from '../../hooks/agent/shell-records.ts';

export class FakeProc {
  readonly folder = mkdtempSync(join(tmpdir(), 'devenv-proc-'));

  /** Adds a process. Its start time is its pid, so its id is `PID:PID`. */
  run(pid: number, { parent, command, env = '' }: { parent: number; command: string; env?: string }): void {
    const folder = join(this.folder, String(pid));
    mkdirSync(folder, { recursive: true });
    // Fields 3 to 22: state, parent, group, session, terminal, foreground, …, start time.
    const fields = ['S', parent, pid, parent, 0, -1, ...Array(13).fill(0), pid];
    writeFileSync(join(folder, 'stat'), `${pid} (${command.split(' ')[0]}) ${fields.join(' ')}\n`);
    writeFileSync(join(folder, 'cmdline'), command.replaceAll(' ', '\0'));
    writeFileSync(join(folder, 'environ'), env);
  }

  /** Removes a process. */
  end(pid: number): void {
    rmSync(join(this.folder, String(pid)), { recursive: true });
  }

  /** The process table now. */
  table(): ProcessTable {
    return new ProcessTable(this.folder);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The record of the shell with that pid. */
export const shellOf = (pid: number, parts: Partial<ShellRecord> = {}): ShellRecord => ({
  pid,
  id: `${pid}:${pid}`,
  count: 1,
  phase: 'prompt',
  portVariable: 'ok',
  quiet: false,
  command: '',
  writtenAt: Date.now(),
  ...parts,
});
