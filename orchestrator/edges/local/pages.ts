/** The edge's own answers: short, plain, and about nobody but the hostname that was asked for. */
import { CARD_STYLE, escapeHtml } from '../../proxy/page-style.ts';

/** A hostname has at most this many characters (RFC 1035); what a visitor claims may have more. */
const MAX_HOSTNAME = 253;

const bold = (hostname: string) => `<b>${escapeHtml(hostname.slice(0, MAX_HOSTNAME))}</b>`;

/** Without JavaScript as with it, the page looks again by itself. */
const AGAIN = '<meta http-equiv="refresh" content="10">';

function page(title: string, text: string, head = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
${head}
<title>${title}</title>
<style>
${CARD_STYLE}h1{margin:0 0 .4rem;font-size:clamp(1.7rem,7vw,2.2rem);line-height:1.15;letter-spacing:-.02em}
p{margin:0;color:var(--dim);overflow-wrap:anywhere}b{color:var(--ink);font-weight:600}
</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>
</main>
</body>
</html>
`;
}

/** An unknown name and a closed one look the same: who there is, is nobody's business. */
export const notFoundPage = (hostname: string) =>
  page(
    'Nothing here',
    `There is no open link at ${bold(hostname)} right now. It opens when its owner runs something.`,
    AGAIN,
  );

export const unreachablePage = (hostname: string) =>
  page('Not reachable', `What ${bold(hostname)} leads to does not answer. This page tries again.`, AGAIN);

export const busyPage = (hostname: string) =>
  page('Too busy', `Too many visitors are at ${bold(hostname)} at once. This page tries again.`, AGAIN);

export const badRequestPage = () =>
  page('Which host?', 'The request names more than one host, or one that no browser would.');
