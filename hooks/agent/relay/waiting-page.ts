/**
 * What a visitor sees while nothing listens: whose link it is and what is going on. Reloads itself when the service
 * is back, needs nothing from elsewhere, works without JavaScript, and tells nothing of the host.
 */
import type { RoutePhase } from '../../../orchestrator/agents/protocol.ts';

export interface Waiting {
  student: string;
  phase: RoutePhase;
  /** A watched command was typed a moment ago. */
  starting: boolean;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

export function waitingSentence({ starting }: Waiting): string {
  return starting ? 'The app is starting.' : 'Nothing is running here right now.';
}

/** Light, and in the visitor's colours; the script asks and reloads only when there is something new. */
export function waitingPage(waiting: Waiting): string {
  const student = escapeHtml(waiting.student);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<title>${student}: waiting</title>
<style>
:root{color-scheme:light dark;--ink:#1f2430;--paper:#f6f7fb;--dim:#6b7280;--dot:#4f7cff}
@media(prefers-color-scheme:dark){:root{--ink:#e7e9f0;--paper:#14161d;--dim:#9aa1b1}}
body{margin:0;min-height:100vh;display:grid;place-content:center;justify-items:center;gap:.4rem;padding:1rem;
box-sizing:border-box;text-align:center;font:1.1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:clamp(1.8rem,6vw,3rem);margin:0;overflow-wrap:anywhere}p{margin:0;color:var(--dim)}
i{width:.8rem;height:.8rem;border-radius:50%;background:var(--dot);margin-bottom:1rem;animation:pulse 1.6s infinite}
@keyframes pulse{50%{opacity:.25;transform:scale(.7)}}
@media(prefers-reduced-motion:reduce){i{animation:none}}
</style>
</head>
<body>
<i></i>
<h1>${student}</h1>
<p>${waitingSentence(waiting)}</p>
<p>This page opens by itself as soon as there is something to see.</p>
<script>
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { headers: { accept: 'application/json' }, cache: 'no-store' })
    if (answer.status !== 503) location.reload()
  } catch {}
}, 1500)
</script>
</body>
</html>
`;
}

/** The same for programs. */
export function waitingJson(waiting: Waiting): string {
  const { student, phase, starting } = waiting;
  return `${JSON.stringify({ error: 'nothing is listening', student, phase, starting })}\n`;
}
