/** Writes the files that `devenv-status` and `devenv-port` read. */
import { writeAtomically } from './atomic-write.ts';
import { portsText, type StatusInput, statusText } from './status-text.ts';

/** `run`: the tmpfs. */
export function writeStatusFiles(run: string, input: StatusInput): void {
  const debuggers = input.report?.listeners.filter(({ purpose }) => purpose === 'debugger') ?? [];
  try {
    writeAtomically(`${run}/agent.status`, statusText(input));
    writeAtomically(`${run}/agent.ports`, portsText(input));
    // `devenv-port` warns before it chooses one of these.
    writeAtomically(`${run}/agent.debuggers`, debuggers.map(({ port }) => `${port}\n`).join(''));
  } catch {
    // The tmpfs is full: the files keep their last content. The agent itself selects no debugger without a confirmed choice.
  }
}
