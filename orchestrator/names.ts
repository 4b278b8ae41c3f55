/** Students' names. Each becomes part of a hostname, so it must be a DNS label. */
import { DevenvError } from './errors.ts';

/** RFC 1035 §2.3.4: a label has at most 63 octets. */
const MAX_LENGTH = 63;

/** RFC 5890 §2.3.1: `--` in positions 3 and 4 marks an encoded label (`xn--…`). Browsers refuse one that can't be decoded. */
const ENCODED = /^(..)--+/;

const RULE = `A name consists of 1 to ${MAX_LENGTH} of the characters a-z, 0-9 and -, and does not start or end with -.`;

/**
 * Hostnames that already have a meaning in a zone or browser (the host itself, mail: RFC 2142), or that devenv may use for
 * its own services.
 */
const RESERVED = new Set([
  'admin',
  'api',
  'autoconfig',
  'autodiscover',
  'devenv',
  'ftp',
  'imap',
  'localhost',
  'mail',
  'ns',
  'ns1',
  'ns2',
  'pop',
  'root',
  'smtp',
  'status',
  'webmail',
  'wpad',
  'www',
]);

const SPELLINGS: Record<string, string> = { ä: 'ae', ö: 'oe', ü: 'ue', ß: 'ss', ø: 'oe', æ: 'ae', å: 'aa' };

/** The valid name that is most similar to what was typed; null if no valid character is left. */
export function suggestName(typed: string): string | null {
  const suggestion = typed
    .toLowerCase()
    .replace(/[äöüßøæå]/g, (letter) => SPELLINGS[letter] ?? '')
    .normalize('NFD')
    .replace(/[^a-z0-9]+/g, (run) => (/^\p{M}+$/u.test(run) ? '' : '-'))
    .replace(/^-+/, '')
    .replace(ENCODED, '$1-')
    .slice(0, MAX_LENGTH)
    .replace(/-+$/, '');
  if (suggestion === '') return null;
  return RESERVED.has(suggestion) ? `${suggestion}-1` : suggestion;
}

/** What is wrong with a name, as a sentence; null if it is valid. */
function mistakeIn(name: string): string | null {
  if (name === '') return 'The name is empty.';
  if (name.length > MAX_LENGTH)
    return `The name has ${name.length} characters; at most ${MAX_LENGTH} are allowed.`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name))
    return `${JSON.stringify(name)} can't be a student's name.`;
  if (ENCODED.test(name)) return `'${name}' has -- in positions 3 and 4, which only encoded names may have.`;
  if (RESERVED.has(name)) return `'${name}' is reserved: it has another meaning as a hostname.`;
  return null;
}

/** Throws `bad-input` with the rule and a suggestion. */
export function checkStudentName(name: string): void {
  const what = mistakeIn(name);
  if (what === null) return;
  const suggestion = suggestName(name);
  const hint = suggestion === null ? 'Try a name like alice.' : `Try: ${suggestion}`;
  throw new DevenvError({ code: 'bad-input', what, next: `${RULE} ${hint}` });
}
