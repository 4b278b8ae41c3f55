/**
 * Translates the addresses with which apps name themselves (`http://localhost:3000/home`) in headers and documents: plain,
 * percent-encoded inside a query, or escaped as in JSON and HTML. The translation is written in the same spelling.
 */

/** `:`; percent-encoded any number of times; in HTML; in JSON. */
const COLON = String.raw`:|%(?:25)*3A|&#x3A;|&#58;|\\u003A`;
const SLASH = String.raw`\\?/|%(?:25)*2F|&#x2F;|&#47;|\\u002F`;
const IPV6 = String.raw`\[::1?\]|%(?:25)*5B(?:%(?:25)*3A){2}1?%(?:25)*5D`;
const HOST = String.raw`localhost|127\.0\.0\.1|0\.0\.0\.0|${IPV6}`;
/** Without a scheme only where an address begins: after a quote, `=`, `(` or a space. */
const SCHEME = String.raw`(?:(https?|wss?)(${COLON})|(?<=^|["'(=\s<]))`;
/** The hostname or port continues, or this was user information: another address. */
const CONTINUATION = String.raw`[\w-]|\.\w|(?:${COLON})[\w*]|@|%(?:25)*40`;

const LOCAL_ADDRESS = new RegExp(
  `${SCHEME}(${SLASH})(?:${SLASH})(?:${HOST})(?:(?:${COLON})(\\d{1,5}))?(?!${CONTINUATION})`,
  'gi',
);

const PUBLIC_ADDRESS = new RegExp(
  `(?<==)(https?)(${COLON})(${SLASH})(?:${SLASH})([a-z0-9.-]+(?:(?:${COLON})\\d{1,5})?)(?=${SLASH}|[?#&]|%(?:25)*(?:3F|23)|$)`,
  'gi',
);

/** Writes an origin with the colon and slash of the address that it replaces. */
const inSpelling = (origin: string, colon: string, slash: string) =>
  origin.replace(/[:/]/g, (sign) => (sign === ':' ? colon : slash));

/**
 * Translates every address on this machine. `linkOf` returns the origin of the link for a port, or null for an address that
 * stays. `port` is undefined if the address names none.
 */
export function publicAddresses(
  text: string,
  linkOf: (scheme: string | undefined, port: string | undefined) => string | null,
): string {
  return text.replace(
    LOCAL_ADDRESS,
    (whole, scheme: string | undefined, colon = ':', slash: string, port: string | undefined) => {
      const web = scheme?.toLowerCase().replace('ws', 'http');
      const link = linkOf(web, port);
      if (link === null) return whole;
      const isSocket = scheme !== undefined && web !== scheme.toLowerCase();
      return inSpelling(isSocket ? link.replace(/^http/, 'ws') : link, colon, slash);
    },
  );
}

/**
 * Translates the addresses of links that are values in a request's query, for example `?callbackUrl=`. `serviceOf` returns the
 * local address of a link's service, or null for an address that stays.
 */
export function localQuery(path: string, serviceOf: (origin: string) => string | null): string {
  const start = path.indexOf('?');
  if (start < 0) return path;
  const translate = (whole: string, scheme: string, colon: string, slash: string, host: string) => {
    const origin = `${scheme.toLowerCase()}://${host.toLowerCase().replace(new RegExp(COLON, 'i'), ':')}`;
    const service = URL.canParse(origin) ? serviceOf(new URL(origin).origin) : null;
    return service === null ? whole : inSpelling(service, colon, slash);
  };
  return path.slice(0, start) + path.slice(start).replace(PUBLIC_ADDRESS, translate);
}
