/**
 * Cookies between app and visitor. Browsers accept `Secure` cookies on `http://localhost` as on HTTPS, so apps set them during
 * development; on an HTTP link a browser would discard them.
 */
import { withoutForeignDomain } from '../../../orchestrator/proxy/cookie-domain.ts';

/** Prefixes that browsers accept only together with `Secure` (RFC 6265bis §4.1.3). */
const SECURE_PREFIX = /^\s*__(?:host|secure|http|hosthttp)-/i;
/** Put in front of such a name on a link where no browser would accept it. */
const HTTP_MARK = 'plain';
const MARKED_NAMES = new RegExp(`(^|;\\s*)${HTTP_MARK}(?=__(?:host|secure|http|hosthttp)-)`, 'gi');
/** Attributes that a browser accepts only together with `Secure`, and `Secure` itself. */
const SECURE_ATTRIBUTE = /^\s*(?:secure\s*(?:=.*)?|partitioned\s*|samesite\s*=\s*none\s*)$/i;

/** Whether browsers treat a hostname as their own machine, which they trust like HTTPS (Secure Contexts §3.1). */
export const isLocalName = (hostname: string): boolean =>
  /^(?:.*\.)?localhost$|^127(?:\.\d+){3}$|^\[::1\]$/.test(hostname);

/** A `Set-Cookie` header for the visitor. `isSecure`: whether the visitor's browser treats the link like HTTPS. */
export function cookieForVisitor(cookie: string, hostname: string, isSecure: boolean): string {
  const own = withoutForeignDomain(cookie, hostname);
  if (isSecure) return own;
  const [pair = '', ...attributes] = own.split(';');
  const name = SECURE_PREFIX.test(pair) ? `${HTTP_MARK}${pair.trimStart()}` : pair;
  return [name, ...attributes.filter((attribute) => !SECURE_ATTRIBUTE.test(attribute))].join(';');
}

/** A `Cookie` header for the service. */
export const cookiesForService = (cookies: string, isSecure: boolean): string =>
  isSecure ? cookies : cookies.replace(MARKED_NAMES, '$1');
