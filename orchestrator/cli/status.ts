import type { LinkReason } from '../domain.ts';
import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { stateOf } from './list.ts';
import { continuationOf, print, printJson } from './output.ts';
import { table } from './table.ts';

/** Why the link is as it is, for the instructor. */
function reasonOf(reason: LinkReason): string {
  switch (reason) {
    case 'starting':
      return 'a server is being started';
    case 'serving':
      return 'something was served in this session';
    case 'grace':
      return 'the last terminal was lost and may come back';
    case 'instructor':
      return 'opened by you, until the next session ends';
    case 'nobody':
      return 'nobody is in';
    case 'no-service':
      return 'nothing has been served in this session';
    case 'closed-by-instructor':
      return 'closed by you, until the next session begins';
    case 'too-often':
      return 'opened and closed too often; it opens by itself';
    case 'silent':
      return 'the agent in the environment does not report';
    case 'stopped':
      return 'the environment does not run';
  }
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function agentOf({ agent }: StudentView): string {
  if (agent.state === 'connected') return 'reports';
  const ago = agent.lastReportSecondsAgo;
  return ago === null ? 'has not reported yet' : `silent, last report ${duration(ago)} ago`;
}

/** `now`: ms since 1970. */
export function describe(student: StudentView, now: number): string {
  const { service, link, name } = student;
  const rows: [string, string][] = [
    ['link', `${student.url}  (${stateOf(student)}: ${reasonOf(link.reason)})`],
    ['port', String(student.port)],
    ['environment', student.environment.state],
  ];
  if (student.environment.state === 'running') {
    rows.push(['agent', agentOf(student)]);
    const terminals = student.sessions.map((each) => `${each.terminal} for ${duration(each.ageSeconds)}`);
    rows.push(['sessions', terminals.join(', ') || 'none']);
    rows.push([
      'service',
      service === null ? 'none' : `${service.scheme} on port ${service.port} (${service.address})`,
    ]);
    for (const { port, url, live } of student.additionalLinks)
      rows.push(['also', `${url}  (port ${port}, ${live ? 'live' : 'opening'})`]);
    if (student.otherPorts.length > 0) rows.push(['also listen', student.otherPorts.join(', ')]);
  } else rows.push(['next', `devenv start ${name}`]);
  if (link.problem !== null) {
    rows.push(['problem', link.problem.what], ['next', link.problem.next]);
    const continuation = continuationOf(link.problem, now);
    if (continuation !== null) rows.push(['', continuation]);
    // Of an environment that does not report nobody knows.
    if (link.phase === 'closing' && link.reason !== 'silent')
      rows.push(['visitors', 'nobody is let in any more, though the edge still leads here']);
  }
  rows.push(['created', student.createdAt]);
  return `${name}\n${table(
    null,
    rows.map(([label, text]) => [`  ${label}`, text]),
  )}`;
}

export const addStatus: AddCommand = (program, run) => {
  program
    .command('status')
    .argument('<name>')
    .description('all about one student: link, sessions, service, problems')
    .action(
      run(async ({ client, json }: Context, name: string) => {
        const student = await client.get(name);
        if (json) printJson(student);
        else print(describe(student, Date.now()));
      }),
    );
};
