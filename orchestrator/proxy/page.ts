/** The pages that relay and local edge show instead of a student's app: one document shell, one style. */
import type { ServerResponse } from 'node:http';
import { drainBodyAfterResponse } from './graceful-close.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** One centered card in the visitor's color scheme. */
const CARD_STYLE = `:root{color-scheme:light dark;--ink:#1c2333;--dim:#5c667a;--paper:#eef1f8;--card:#fff;--line:#dfe4ef}
@media(prefers-color-scheme:dark){:root{--ink:#eceff6;--dim:#a2abbd;--paper:#10131a;--card:#1a1f2a;--line:#2b3342}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:1.25rem;
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper)}
main{width:min(30rem,100%);padding:clamp(1.75rem,7vw,3rem);background:var(--card);border:1px solid var(--line);
border-radius:1.25rem;box-shadow:0 1.25rem 3rem -1.5rem #0006}
h1{margin:0 0 .4rem;font-size:clamp(1.7rem,7vw,2.2rem);line-height:1.15;letter-spacing:-.02em;overflow-wrap:anywhere}
p{margin:0;color:var(--dim);overflow-wrap:anywhere;text-wrap:pretty}
b{color:var(--ink);font-weight:600}
`;

/** Parts of a page, as HTML. */
export interface PageParts {
  title: string;
  /** Content of the card. */
  main: string;
  /** Additional elements of `<head>`. */
  head?: string;
  /** Additional CSS. */
  style?: string;
  /** JavaScript that runs once the page is shown. */
  script?: string;
}

/** A complete document that needs no other request: no fonts, images or style sheets. */
export function renderPage({ title, main, head = '', style = '', script }: PageParts): string {
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
${CARD_STYLE}${style}</style>
</head>
<body>
<main>
${main}
</main>
${script === undefined ? '' : `<script>${script}</script>\n`}</body>
</html>
`;
}

export interface OwnResponse {
  status: number;
  type: 'text/html' | 'text/plain' | 'application/json';
  body: string;
  retryAfterSeconds?: number;
}

/** Answers a request with the proxy's own text. */
export function sendResponse(
  response: ServerResponse,
  { status, type, body, retryAfterSeconds }: OwnResponse,
): void {
  // The rest of the request is read and discarded; otherwise a reset could destroy the answer.
  drainBodyAfterResponse(response.req, response);
  response.req.resume();
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  };
  response.writeHead(status, headers).end(body);
}
