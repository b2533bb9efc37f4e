// The text of a TXT record, as zone files write it (RFC 1035 §5.1): "one string" "and another". A
// text without quotes is one string, spaces included, where a zone file would have one per word:
// that is seldom meant, as readers join the strings without a space.
import { InvalidValue, showValue } from './invalid-value.ts';

/** Bytes of a character-string (RFC 1035 §3.3). */
const MAX_STRING_BYTES = 255;
/** Bytes of all together: more than anybody has there, and room enough in a message. */
const MAX_BYTES = 4096;
/** With the escapes \" \\ and \DDD (a byte in decimal digits). */
const UNQUOTED = /^(?:[^"\\]|\\.)*$/s;
const QUOTED = /^(?:"(?:[^"\\]|\\.)*"\s*)+$/s;

/** The strings, a character for each byte. Throws InvalidValue. */
export function parseTxtStrings(text: string): string[] {
  if (text === '') throw new InvalidValue('a TXT record needs a text; expected for example "made here"');
  const bytes = Buffer.from(text).toString('latin1');
  const strings = UNQUOTED.test(bytes) ? [bytes] : splitQuoted(bytes, text);
  const raw = strings.map((string) => readEscapes(string, text));
  const longest = Math.max(...raw.map(({ length }) => length));
  if (longest > MAX_STRING_BYTES) {
    throw new InvalidValue(
      `a string of a TXT record has up to ${MAX_STRING_BYTES} bytes, not ${longest}; write several: "…" "…"`,
    );
  }
  const total = raw.reduce((sum, { length }) => sum + 1 + length, 0);
  if (total > MAX_BYTES)
    throw new InvalidValue(`the strings of a TXT record have up to ${MAX_BYTES} bytes, not ${total}`);
  return raw;
}

/** The same strings as text, all in quotes. */
export function formatTxtStrings(strings: readonly string[]): string {
  return strings
    .map((string) => string.replace(/["\\]/g, '\\$&').replace(/[^\x20-\x7e]/g, escapeByte))
    .map((string) => `"${string}"`)
    .join(' ');
}

function splitQuoted(bytes: string, text: string): string[] {
  if (!QUOTED.test(bytes)) {
    throw new InvalidValue(
      `${showValue(text)} has text outside of its quotes, or a quote without its second; ` +
        'write all of it in quotes ("one string" "another"), and a quote that is meant as \\"',
    );
  }
  return [...bytes.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, string]) => string!);
}

function readEscapes(string: string, text: string): string {
  return string.replace(/\\(\d{1,3}|.)/gs, (written, escaped: string) => {
    if (!/^\d/.test(escaped)) return escaped;
    if (escaped.length === 3 && Number(escaped) <= 255) return String.fromCharCode(Number(escaped));
    throw new InvalidValue(
      `${showValue(text)} has ${written}; a byte is a backslash and three digits up to 255, and a backslash is \\\\`,
    );
  });
}

function escapeByte(byte: string): string {
  return `\\${String(byte.charCodeAt(0)).padStart(3, '0')}`;
}
