/**
 * What a visitor sees while there is no answer: whose link it is and what is going on. Reloads itself when the service
 * is back, needs nothing from elsewhere, works without JavaScript, and tells nothing of the host.
 */
import type { LinkPhase } from '../../../orchestrator/domain.ts';
import { IDENTITY_PATH } from '../../../orchestrator/protocol/constants.ts';
import { CARD_STYLE, escapeHtml } from '../../../orchestrator/proxy/page-style.ts';

/** Nothing listens (yet), or what listens took the request and gave no answer, or none in HTTP; or the link is closed. */
export type WaitingFor = 'start' | 'service' | 'answer' | 'http' | 'link';

export interface Waiting {
  student: string;
  phase: LinkPhase;
  waitingFor: WaitingFor;
  /** A page that answers a form must not send it again by itself. */
  isGet: boolean;
}

const WORDS: Record<WaitingFor, { state: string; dot: string; explanation: string; error: string }> = {
  start: {
    state: 'Starting',
    dot: '#3b82f6',
    explanation: 'It is starting. This page opens it by itself in a moment.',
    error: 'nothing is listening',
  },
  service: {
    state: 'Not running',
    dot: '#8d97ab',
    explanation: 'Nothing is running right now. As soon as the app is started, this page opens it by itself.',
    error: 'nothing is listening',
  },
  answer: {
    state: 'No answer',
    dot: '#e08700',
    explanation: 'It ended before it answered; its terminal says why. This page tries again by itself.',
    error: 'the service ended before it answered',
  },
  http: {
    state: 'No web page',
    dot: '#e08700',
    explanation: 'What runs here does not answer as a web server does. This page tries again by itself.',
    error: 'the service did not answer in HTTP',
  },
  link: {
    state: 'Closed',
    dot: '#8d97ab',
    // Whatever closed it: its owner left, the instructor said so, or nothing has listened for a while.
    explanation: 'This link is closed right now. When it is opened again, this page shows the app by itself.',
    error: 'the link is closed',
  },
};
const STYLE = `
${CARD_STYLE}h1{margin:1.25rem 0 .4rem;font-size:clamp(1.9rem,8vw,2.6rem);line-height:1.15;letter-spacing:-.02em;overflow-wrap:anywhere}
p{margin:0;color:var(--dim);text-wrap:pretty}
.state{display:inline-flex;align-items:center;gap:.6rem;padding:.25rem .85rem;border:1px solid var(--line);
border-radius:2rem;font-size:.9rem;font-weight:600;color:var(--ink)}
.state::before{content:"";width:.6rem;height:.6rem;border-radius:50%;background:var(--dot);animation:p 1.8s ease-in-out infinite}
@keyframes p{50%{opacity:.25;transform:scale(.7)}}
@media(prefers-reduced-motion:reduce){.state::before{animation:none}}
`;

/** Asks the reserved path, never the app, and goes there when something listens, or when the link has closed. */
function script({ waitingFor, isGet }: Waiting): string {
  const isListening = waitingFor === 'answer' || waitingFor === 'http' || waitingFor === 'link';
  return `
setInterval(async () => {
  try {
    const answer = await fetch('${IDENTITY_PATH}', { cache: 'no-store' })
    if (answer.ok && !(await answer.json()).isServing) return
    ${isGet ? 'location.reload()' : 'location.replace(location.pathname + location.search)'}
  } catch {}
}, ${isListening ? 5000 : 1500})
`;
}

export function waitingPage(waiting: Waiting): string {
  const student = escapeHtml(waiting.student);
  const { state, dot, explanation } = WORDS[waiting.waitingFor];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<title>${student}’s app: ${state.toLowerCase()}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<div class="state" role="status" style="--dot:${dot}">${state}</div>
<h1>${student}’s app</h1>
<p>${explanation}</p>
</main>
<script>${script(waiting)}</script>
</body>
</html>
`;
}

/** The same for programs. */
export function waitingJson({ student, phase, waitingFor }: Waiting): string {
  const { error } = WORDS[waitingFor];
  return `${JSON.stringify({ error, student, phase, starting: waitingFor === 'start' })}\n`;
}
