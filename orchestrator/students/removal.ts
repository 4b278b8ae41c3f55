/** Removes a student: link, environment, socket and row. */
import type { Progress } from '../domain.ts';
import type { Environments } from '../environments/types.ts';
import type { Problem } from '../errors.ts';
import type { AgentSync, AgentSyncDeps } from './agent-sync.ts';
import type { EgressControl } from './egress.ts';
import type { Student } from './student.ts';

interface RemovalDeps extends Pick<AgentSyncDeps, 'roster' | 'routes' | 'sockets' | 'log'> {
  environments: Environments;
  agentSync: AgentSync;
  egress: EgressControl;
}

/** The warning after a removal that the edge could not complete. */
const leftoverText = ({ name, hostname }: Student['row'], problem: Problem) =>
  `${name}'s link no longer works, but the edge may still have a rule or DNS record for ${hostname}: ${problem.what} ${problem.next} The rest is removed automatically as soon as possible; \`devenv sync\` tries it now.`;

/**
 * Closes the link first, so that it never points to a port that another student may get. The row, which says that the
 * student is being removed, is deleted last.
 */
export async function removeStudent(
  student: Student,
  keepHome: boolean,
  progress: Progress,
  { routes, environments, sockets, roster, agentSync, egress, log }: RemovalDeps,
): Promise<void> {
  const { name } = student.row;
  progress.step('route', `Closing ${name}'s link`);
  const leftover = await routes.unregister(name);
  if (leftover === null) progress.done('route', `${name}'s link is closed`);
  progress.step('environment', `Removing ${name}'s environment`);
  await environments.remove(name, keepHome);
  await sockets.close(name);
  roster.delete(student);
  egress.forget(name);
  log.info({ student: name, keepHome }, 'removed');
  agentSync.forget(name);
  progress.done('environment', keepHome ? `${name} is removed; the home is kept` : `${name} is removed`);
  if (leftover !== null) progress.warn(leftoverText(student.row, leftover));
}
