/** Students' names: DNS labels, since each becomes part of a hostname. */
import { DevenvError } from './errors.ts';

/** RFC 1035 §2.3.4: a label has at most 63 octets. */
const MAX_LENGTH = 63;

/** RFC 5890 §2.3.1: `--` at the third place marks an encoded label (`xn--…`); browsers refuse what doesn't decode. */
const ENCODED = /^(..)--+/;

const RULE = `A name has 1 to ${MAX_LENGTH} of the characters a-z, 0-9 and -, and neither begins nor ends with -.`;

/**
 * Names that a zone or a browser already gives a meaning: the host itself, mail (RFC 2142 and practice), and what
 * devenv may serve beside the students.
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

/** The nearest valid name to what was typed; null where nothing of it is left. */
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

function fault(name: string): string | null {
  if (name === '') return 'The name is empty.';
  if (name.length > MAX_LENGTH) return `The name has ${name.length} characters; ${MAX_LENGTH} is the most.`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name))
    return `${JSON.stringify(name)} can't be a student's name.`;
  if (ENCODED.test(name)) return `'${name}' has -- at its third place, which is kept for encoded names.`;
  if (RESERVED.has(name)) return `'${name}' is reserved: it means something else as a hostname.`;
  return null;
}

/** Throws `bad-input` with the rule, and with a suggestion where one makes sense. */
export function checkStudentName(name: string): void {
  const what = fault(name);
  if (what === null) return;
  const suggestion = suggestName(name);
  const hint = suggestion === null ? 'Try a name like alice.' : `Try: ${suggestion}`;
  throw new DevenvError({ code: 'bad-input', what, next: `${RULE} ${hint}` });
}
