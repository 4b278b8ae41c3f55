/** The text of `devenv-status`: the state of the link and of the student's servers at any time. */
import type { Listener, Report, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { printableLine } from '../../orchestrator/protocol/printable-text.ts';
import { selectionReasonText } from '../../orchestrator/protocol/selection-reason.ts';

/** A student may have a thousand ports open. */
const MAX_PORTS_SHOWN = 12;
const LABEL_WIDTH = 9;

function describeListener({ port, speaks, purpose, isPublic }: Listener): string {
  if (purpose === 'debugger') return `${port} (debugger, not public)`;
  if (!isPublic) return `${port} (private: PORT was unset or changed in its shell)`;
  if (purpose === 'admin') return `${port} (database or admin page)`;
  if (speaks === null) return `${port} (does not answer)`;
  return speaks === 'other' ? `${port} (not a web server)` : String(port);
}

export interface StatusInput {
  /** Null before the orchestrator has sent its first state. */
  state: StateMessage | null;
  /** Null before the first poll. */
  report: Pick<Report, 'service' | 'listeners' | 'starting'> | null;
  env: NodeJS.ProcessEnv;
  isConnected: boolean;
}

export function statusText({ state, report, env, isConnected }: StatusInput): string {
  const service = report?.service ?? null;
  const others = (report?.listeners ?? []).filter(({ port }) => port !== service?.port);
  const [starting] = service === null ? (report?.starting ?? []) : [];
  const rows: [label: string, text: string][] = [
    ['link', state?.url ?? env.DEVENV_URL ?? ''],
    ['state', state === null ? 'unknown' : `${state.link.phase}: ${state.link.detail}`],
    ['PORT', env.DEVENV_PORT ?? ''],
    [
      'shows',
      service === null ? 'no server yet' : `port ${service.port}: ${selectionReasonText(service.reason)}`,
    ],
  ];
  for (const { port, url } of state?.additionalLinks ?? []) rows.push(['link', `${url}   (port ${port})`]);
  if (starting) rows.push(['starting', starting.command]);
  if (others.length > 0) {
    const ports = others.slice(0, MAX_PORTS_SHOWN).map(describeListener).join(', ');
    const more = others.length > MAX_PORTS_SHOWN ? `, and ${others.length - MAX_PORTS_SHOWN} more` : '';
    const canSwitch = others.some(({ purpose }) => purpose !== 'debugger');
    rows.push(['also', `${ports}${more}${canSwitch ? '   (to show another port: devenv-port PORT)' : ''}`]);
  }
  for (const note of state?.notes ?? []) rows.push(['note', note]);
  if (!isConnected) rows.push(['note', 'No connection to the orchestrator: this is the last known state.']);
  // Programs choose their own command lines.
  return rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${printableLine(text)}\n`).join('');
}
