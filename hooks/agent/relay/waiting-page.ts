/**
 * The page for visitors while the service gives no response: whose link it is and why they wait. It reloads when the
 * service responds, needs no other request, works without JavaScript, and reveals nothing about the host.
 */
import type { LinkPhase } from '../../../orchestrator/domain.ts';
import { IDENTITY_PATH } from '../../../orchestrator/protocol/constants.ts';
import { escapeHtml, renderPage } from '../../../orchestrator/proxy/page.ts';

/**
 * Nothing listens, and a command is `starting` or not (`not-running`); the service accepted the request and gave
 * `no-answer`, or one that is `not-http`; or the link is `closed`, or `busy` with too many visitors.
 */
export type WaitingReason = 'starting' | 'not-running' | 'no-answer' | 'not-http' | 'closed' | 'busy';

export interface Waiting {
  student: string;
  phase: LinkPhase;
  reason: WaitingReason;
  /** False if the page answers a form, which it must not send again. */
  isGet: boolean;
}

interface Wording {
  state: string;
  dot: string;
  explanation: string;
  error: string;
}

const WORDINGS: Record<WaitingReason, Wording> = {
  starting: {
    state: 'Starting',
    dot: '#3b82f6',
    explanation: 'The app is starting. This page opens it automatically in a moment.',
    error: 'nothing is listening',
  },
  'not-running': {
    state: 'Not running',
    dot: '#8d97ab',
    explanation: 'Nothing is running right now. Once the app starts, this page opens it automatically.',
    error: 'nothing is listening',
  },
  'no-answer': {
    state: 'No answer',
    dot: '#e08700',
    explanation:
      'The app ended before it answered. Its terminal shows why. This page tries again automatically.',
    error: 'the service ended before it answered',
  },
  'not-http': {
    state: 'No web page',
    dot: '#e08700',
    explanation:
      'The program that runs here does not answer like a web server. This page tries again automatically.',
    error: 'the service did not answer in HTTP',
  },
  closed: {
    state: 'Closed',
    dot: '#8d97ab',
    // Without the reason, which may be private: the student left, the instructor closed it, or nothing listened for a while.
    explanation: 'This link is closed right now. When it opens again, this page shows the app automatically.',
    error: 'the link is closed',
  },
  busy: {
    state: 'Too busy',
    dot: '#e08700',
    explanation: 'This link has too many visitors at the moment. This page tries again automatically.',
    error: 'the link has too many visitors',
  },
};

const STYLE = `h1{margin-top:1.25rem;font-size:clamp(1.9rem,8vw,2.6rem)}
.state{display:inline-flex;align-items:center;gap:.6rem;padding:.25rem .85rem;border:1px solid var(--line);
border-radius:2rem;font-size:.9rem;font-weight:600;color:var(--ink)}
.state::before{content:"";width:.6rem;height:.6rem;border-radius:50%;background:var(--dot);animation:p 1.8s ease-in-out infinite}
@keyframes p{50%{opacity:.25;transform:scale(.7)}}
@media(prefers-reduced-motion:reduce){.state::before{animation:none}}
`;

const POLL_INTERVAL_MS = 1500;
/** While something listens without a proper answer, or the link is closed or busy, a change is less likely. */
const SLOW_POLL_INTERVAL_MS = 5000;

/**
 * Polls the reserved path, never the app, and reloads when a service listens or the link has closed. The address begins
 * with the page's own origin: a path like `//evil.test/x` alone would be read as another host.
 */
function pollScript({ reason, isGet }: Waiting): string {
  const isSlow = reason !== 'starting' && reason !== 'not-running';
  return `
setInterval(async () => {
  try {
    const answer = await fetch('${IDENTITY_PATH}', { cache: 'no-store' })
    if (answer.ok && !(await answer.json()).isServing) return
    ${isGet ? 'location.reload()' : 'location.replace(location.origin + location.pathname + location.search)'}
  } catch {}
}, ${isSlow ? SLOW_POLL_INTERVAL_MS : POLL_INTERVAL_MS})
`;
}

export function waitingPage(waiting: Waiting): string {
  const student = escapeHtml(waiting.student);
  const { state, dot, explanation } = WORDINGS[waiting.reason];
  return renderPage({
    title: `${student}’s app: ${state.toLowerCase()}`,
    head: '<noscript><meta http-equiv="refresh" content="3"></noscript>',
    style: STYLE,
    main: `<div class="state" role="status" style="--dot:${dot}">${state}</div>
<h1>${student}’s app</h1>
<p>${explanation}</p>`,
    script: pollScript(waiting),
  });
}

/** The same information for programs that ask for JSON. */
export function waitingJson({ student, phase, reason }: Waiting): string {
  const { error } = WORDINGS[reason];
  return `${JSON.stringify({ error, student, phase, starting: reason === 'starting' })}\n`;
}
