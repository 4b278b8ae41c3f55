import type { LinkReason } from '../domain.ts';
import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { homeText, stateOf } from './list.ts';
import { continuationOf, print, printJson, warnOf } from './output.ts';
import { table } from './table.ts';

/** Why the link is open or closed, for the instructor. */
function reasonOf(reason: LinkReason): string {
  switch (reason) {
    case 'starting':
      return 'a server is starting';
    case 'serving':
      return 'a server was started in this session';
    case 'grace':
      return 'the last session was lost and may come back';
    case 'instructor':
      return 'opened by you until the next session ends';
    case 'no-session':
      return 'no session';
    case 'no-service':
      return 'no server was started in this session';
    case 'closed-by-instructor':
      return 'closed by you until the next session starts';
    case 'rate-limited':
      return 'opened and closed too often; it opens again automatically';
    case 'agent-silent':
      return "the environment's agent does not report";
    case 'stopped':
      return 'the environment is not running';
  }
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function agentOf({ agent }: StudentView): string {
  if (agent.state === 'connected') return 'connected';
  const ago = agent.lastReportSecondsAgo;
  return ago === null ? 'not connected yet' : `silent, last report ${duration(ago)} ago`;
}

type Row = [label: string, text: string];

function environmentProblemRows({ environment: { problem } }: StudentView): Row[] {
  if (problem === null) return [];
  return [
    ['', problem.what],
    ['next', problem.next],
  ];
}

/** The environment's state, and whether its next start renews it. */
const environmentText = ({ name, environment: { state, outdated } }: StudentView) =>
  outdated ? `${state}, on an older image: its next start renews it (devenv restart ${name})` : state;

function environmentRows(student: StudentView): Row[] {
  const { name, service, sessions, additionalLinks, otherPorts } = student;
  const { state, problem } = student.environment;
  if (state !== 'running') return problem === null ? [['next', `devenv start ${name}`]] : [];
  const terminals = sessions.map(({ terminal, ageSeconds }) => `${terminal} for ${duration(ageSeconds)}`);
  const server = service === null ? 'none' : `${service.scheme} on port ${service.port} (${service.address})`;
  const rows: Row[] = [
    ['agent', agentOf(student)],
    ['sessions', terminals.join(', ') || 'none'],
    ['server', server],
    ['home', homeText(student)],
  ];
  for (const { port, url, live } of additionalLinks)
    rows.push(['additional link', `${url}  (port ${port}, ${live ? 'live' : 'opening'})`]);
  if (otherPorts.length > 0) rows.push(['other ports', otherPorts.join(', ')]);
  return rows;
}

function problemRows({ phase, reason, problem }: StudentView['link'], now: number): Row[] {
  if (problem === null) return [];
  const rows: Row[] = [
    ['problem', problem.what],
    ['next', problem.next],
  ];
  const continuation = continuationOf(problem, now);
  if (continuation !== null) rows.push(['', continuation]);
  // If the agent is silent, it is not known whether its relay still answers.
  if (phase === 'closing' && reason !== 'agent-silent')
    rows.push(['visitors', 'refused by the environment, although the edge still forwards to it']);
  return rows;
}

/** The text of `devenv status`. `now`: ms since 1970. */
export function describeStudent(student: StudentView, now: number): string {
  const { name, url, port, link, createdAt } = student;
  const rows: Row[] = [
    ['link', `${url}  (${stateOf(student)}: ${reasonOf(link.reason)})`],
    ['port', String(port)],
    ['environment', environmentText(student)],
    ...environmentProblemRows(student),
    ...environmentRows(student),
    ...problemRows(link, now),
    ...(student.egress === 'none' ? ([['internet', 'switched off']] satisfies Row[]) : []),
    ['created', createdAt],
  ];
  return `${name}\n${table(
    null,
    rows.map(([label, text]) => [`  ${label}`, text]),
  )}`;
}

export const addStatus: AddCommand = (program, run) => {
  program
    .command('status')
    .argument('<name>')
    .description('show everything about one student: link, sessions, server, problems')
    .action(
      run(async ({ client, json }: Context, name: string) => {
        const student = await client.get(name);
        if (json) printJson(student);
        else {
          print(describeStudent(student, Date.now()));
          warnOf((await client.daemon()).problem);
        }
      }),
    );
};
