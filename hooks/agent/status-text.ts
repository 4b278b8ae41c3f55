/** What `devenv-status` shows: the same as the messages tell, at any time. */
import type { Listener, Report, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { selectionReasonText } from '../../orchestrator/protocol/selection-reason.ts';

/** Most other ports that are named: a student may have a thousand. */
const MOST_PORTS = 12;

function speech({ speaks, isPublic }: Listener): string {
  if (!isPublic) return ' (private: its shell has another PORT)';
  return speaks === 'other' ? ' (no web server)' : speaks === null ? ' (does not answer)' : '';
}

export interface StatusInput {
  state: StateMessage | null;
  report: Pick<Report, 'service' | 'listeners' | 'starting'> | null;
  env: NodeJS.ProcessEnv;
  connected: boolean;
}

export function statusText({ state, report, env, connected }: StatusInput): string {
  const service = report?.service ?? null;
  const others = (report?.listeners ?? []).filter(({ port }) => port !== service?.port);
  const more = others.length > MOST_PORTS ? `, and ${others.length - MOST_PORTS} more` : '';
  const [starting] = service === null ? (report?.starting ?? []) : [];
  const rows: [string, string][] = [
    ['link', state?.url ?? env.DEVENV_URL ?? ''],
    ['is', state === null ? 'unknown' : `${state.link.phase}: ${state.link.detail}`],
    ['port', env.DEVENV_PORT ?? ''],
    [
      'serves',
      service === null ? 'nothing yet' : `port ${service.port}: ${selectionReasonText(service.reason)}`,
    ],
  ];
  for (const { port, url } of state?.additionalLinks ?? []) rows.push(['link', `${url}   (port ${port})`]);
  if (starting) rows.push(['starting', starting.command]);
  if (others.length > 0) {
    const ports = others.slice(0, MOST_PORTS).map((each) => `${each.port}${speech(each)}`);
    rows.push(['also', `${ports.join(', ')}${more}   (devenv-port PORT switches)`]);
  }
  for (const note of state?.notes ?? []) rows.push(['note', note]);
  if (!connected) rows.push(['note', 'the orchestrator is away; this is the last that was known']);
  // What a program has put into its own command line is shown to no terminal as it is.
  return rows.map(([label, text]) => `${label.padEnd(9)}${text.replace(/[^\P{C}]/gu, ' ')}\n`).join('');
}
