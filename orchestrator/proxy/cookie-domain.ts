/** Keeps the cookies of one link away from the other links of the zone. */

/**
 * Removes every `Domain` attribute unless all of them name `hostname`: a cookie for `localhost` would be lost, and one
 * for the whole zone would be sent to all other students. If there are several, the last one counts (RFC 6265 §5.3).
 */
export function withoutForeignDomain(cookie: string, hostname: string): string {
  const [value = '', ...attributes] = cookie.split(';');
  const isForeign = (attribute: string) => {
    const [name = '', ...rest] = attribute.split('=');
    const domain = rest.join('=').trim().replace(/^\./, '').toLowerCase();
    return name.trim().toLowerCase() === 'domain' && domain !== hostname;
  };
  return [value, ...attributes.filter((attribute) => !isForeign(attribute))].join(';');
}
