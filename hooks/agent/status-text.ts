/** The texts of `devenv-status` and `devenv-port`: the state of the link and of the student's servers at any time. */
import type { Listener, Report, StateMessage } from '../../orchestrator/protocol/messages.ts';
import { printableLine } from '../../orchestrator/protocol/printable-text.ts';
import { selectionReasonText } from '../../orchestrator/protocol/selection-reason.ts';

/** A student may have a thousand ports open. */
const MAX_PORTS_SHOWN = 12;
const MAX_COMMAND_LENGTH = 60;
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
  /** Whether the orchestrator answers. */
  isReachable: boolean;
}

type Shown = Pick<Report, 'service' | 'listeners'> | null;

const shownText = (report: Shown): string =>
  report?.service
    ? `port ${report.service.port}: ${selectionReasonText(report.service.reason)}`
    : 'no server yet';

const otherListeners = (report: Shown): Listener[] =>
  (report?.listeners ?? []).filter(({ port }) => port !== report?.service?.port);

/** Whether `devenv-port` can switch to a listener without a warning. */
const isSwitchable = ({ purpose, isPublic }: Listener) => purpose !== 'debugger' && isPublic;

function stateText({ state, isReachable }: StatusInput): string {
  const known = state === null ? 'unknown' : `${state.link.phase}: ${state.link.detail}`;
  if (isReachable) return known;
  const last = state === null ? '' : ` Last known state: ${state.link.phase}.`;
  return `unknown: the orchestrator does not answer. If this lasts, tell the instructor.${last}`;
}

export function statusText(input: StatusInput): string {
  const { state, report, env } = input;
  const others = otherListeners(report);
  const [starting] = report?.service ? [] : (report?.starting ?? []);
  const rows: [label: string, text: string][] = [
    ['link', state?.url ?? env.DEVENV_URL ?? ''],
    ['state', stateText(input)],
    ['PORT', env.DEVENV_PORT ?? ''],
    ['shows', shownText(report)],
  ];
  for (const { port, url } of state?.additionalLinks ?? []) rows.push(['link', `${url}   (port ${port})`]);
  if (starting) rows.push(['starting', starting.command]);
  if (others.length > 0) {
    const ports = others.slice(0, MAX_PORTS_SHOWN).map(describeListener).join(', ');
    const more = others.length > MAX_PORTS_SHOWN ? `, and ${others.length - MAX_PORTS_SHOWN} more` : '';
    const other = others.find(isSwitchable);
    const command = other === undefined ? '' : `   (to show ${other.port}: devenv-port ${other.port})`;
    rows.push(['also', `${ports}${more}${command}`]);
  }
  for (const note of state?.notes ?? []) rows.push(['note', note]);
  // Programs choose their own command lines.
  return rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${printableLine(text)}\n`).join('');
}

/** What the link shows, then one line for each other port: the port, its program, and the command that shows it. */
export function portsText({ report }: StatusInput): string {
  const others = otherListeners(report);
  const lines = others.slice(0, MAX_PORTS_SHOWN).map((listener) => {
    const { port, command } = listener;
    const switchText = isSwitchable(listener) ? `   (to show it: devenv-port ${port})` : '';
    return `  ${describeListener(listener)}   ${command.slice(0, MAX_COMMAND_LENGTH)}${switchText}`;
  });
  const more = others.length - lines.length;
  return [
    `Your link shows ${shownText(report)}.`,
    others.length > 0 ? 'Other servers:' : 'No other server runs.',
    ...lines,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
    .map((line) => `${printableLine(line)}\n`)
    .join('');
}
