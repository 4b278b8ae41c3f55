/** Keeps the cookies of one link away from the other links of the zone. */
/**
 * A cookie for `localhost` would be lost, one for the whole zone would be planted on every other student. Of several
 * `Domain`s the last one counts (RFC 6265 §5.3), so all of them go unless every one is the student's own hostname.
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
