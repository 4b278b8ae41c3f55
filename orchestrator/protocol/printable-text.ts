/**
 * The one place that makes text of a container harmless for terminals and pages. Removes what a terminal obeys or what
 * changes how a person reads the rest: escape sequences' first bytes (C0, C1), bidirectional and zero-width characters,
 * unassigned and private ones, lone surrogates. The agent loads this file at run time, so it imports nothing.
 */

/** Unicode's category C (control, format, surrogate, private use, unassigned) and the line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu;

const isLayout = (character: string) => character === '\n' || character === '\t';

/** One line: each unprintable character becomes a space, also tabs and line ends. */
export const printableLine = (text: string): string => text.replace(UNPRINTABLE, ' ');

/** Several lines: as `printableLine`, but tabs and line ends stay. */
export const printableLines = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => (isLayout(character) ? character : ' '));

const escapeCodeUnits = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => {
    const hex = text.charCodeAt(at).toString(16).padStart(4, '0');
    return `\\u${hex}`;
  }).join('');

/** JSON with the same data: `JSON.stringify` escapes C0 only, so all other unprintable characters are escaped here. */
export const printableJson = (json: string): string =>
  json.replace(UNPRINTABLE, (character) => (isLayout(character) ? character : escapeCodeUnits(character)));
