/** The edge's own answers: short, plain, and about nobody but the hostname that was asked for. */
import { escapeHtml } from '../../../hooks/agent/relay/waiting-page.ts';

function page(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style>
<h1>${title}</h1>
<p>${text}</p>
</html>
`;
}

/** An unknown name and a closed one look the same: who there is, is nobody's business. */
export const notFoundPage = (hostname: string) =>
  page(
    'Nothing here',
    `There is no open link at <b>${escapeHtml(hostname)}</b> right now. It opens when its owner runs something.`,
  );

export const unreachablePage = (hostname: string) =>
  page(
    'Not reachable',
    `What <b>${escapeHtml(hostname)}</b> leads to does not answer. Try again in a moment.`,
  );
