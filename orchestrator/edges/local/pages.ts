/** The edge's own pages. They reveal nothing but the hostname that the visitor asked for. */
import { escapeHtml, renderPage } from '../../proxy/page.ts';

/** Longest hostname (RFC 1035); a visitor may claim a longer one. */
const MAX_HOSTNAME_LENGTH = 253;

/** Reloads the page also without JavaScript. */
const RELOAD = '<meta http-equiv="refresh" content="10">';

const bold = (hostname: string) => `<b>${escapeHtml(hostname.slice(0, MAX_HOSTNAME_LENGTH))}</b>`;

const page = (title: string, text: string, head = '') =>
  renderPage({ title, head, main: `<h1>${title}</h1>\n<p>${text}</p>` });

/** For unknown and closed hostnames alike, so that visitors can't find out which students exist. */
export const notFoundPage = (hostname: string) =>
  page(
    'Nothing here',
    `There is no open link at ${bold(hostname)} right now. It opens when its owner starts an app. This page checks again automatically.`,
    RELOAD,
  );

export const unreachablePage = (hostname: string) =>
  page(
    'Not reachable',
    `The environment behind ${bold(hostname)} does not answer. This page tries again automatically.`,
    RELOAD,
  );

export const busyPage = (hostname: string) =>
  page(
    'Too busy',
    `${bold(hostname)} has too many visitors at the moment. This page tries again automatically.`,
    RELOAD,
  );

export const badRequestPage = () =>
  page('Bad request', 'The request names more than one host. Open the link in a browser again.');
