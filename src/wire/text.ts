// Names between wire and text form (RFC 1035 §5.1). For configuration, logs, the doctor and error
// texts: not for the hot path.
import { expandName, MAX_NAME_LENGTH } from './name.ts';

const MAX_LABEL_LENGTH = 63;
/** What nameToText() returns for a name that is cut off, too long, or has pointers in a circle. */
export const UNREADABLE_NAME = '<unreadable>';
/** Bytes with a meaning in a zone file: " $ ( ) . ; @ \ */
const SPECIAL = new Set([0x22, 0x24, 0x28, 0x29, 0x2e, 0x3b, 0x40, 0x5c]);

/**
 * The name at `offset` as text, absolute ("example.com.", the root "."), with \DDD and \. where
 * needed. Follows compression. Never throws: UNREADABLE_NAME for an invalid name.
 */
export function nameToText(bytes: Uint8Array, offset: number, length: number = bytes.length): string {
  const name = new Uint8Array(MAX_NAME_LENGTH);
  const nameLength = expandName(bytes, length, offset, name);
  if (nameLength < 0) return UNREADABLE_NAME;
  if (nameLength === 1) return '.';
  let text = '';
  for (let at = 0; name[at]! !== 0; at += name[at]! + 1) {
    for (let i = at + 1; i <= at + name[at]!; i++) text += byteToText(name[i]!, SPECIAL.has(name[i]!));
    text += '.';
  }
  return text;
}

/** One byte of a label or string: itself, \X when `special`, \DDD when not printable or a space. */
export function byteToText(byte: number, special: boolean): string {
  if (byte <= 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, '0')}`;
  return (special ? '\\' : '') + String.fromCharCode(byte);
}

/**
 * The wire form of a name written as text, with or without the final dot; case is kept. Throws
 * RangeError, saying what is wrong, if it is not a name: empty or too long labels, a broken escape,
 * characters beyond ASCII.
 */
export function textToName(text: string): Uint8Array {
  if (text === '.') return new Uint8Array(1);
  const wire: number[] = [];
  let label: number[] = [];
  const endLabel = () => {
    if (label.length === 0) throw new RangeError(`"${text}" has an empty label`);
    if (label.length > MAX_LABEL_LENGTH) throw new RangeError(`"${text}" has a label over 63 bytes`);
    wire.push(label.length, ...label);
    label = [];
  };
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (character === '.') {
      endLabel();
      at++;
    } else if (character === '\\') {
      const digits = /^[0-9]{3}/.exec(text.slice(at + 1, at + 4))?.[0];
      const escaped = digits === undefined ? text.charCodeAt(at + 1) : Number(digits);
      const sound =
        digits === undefined ? /^[\x21-\x2f\x3a-\x7e]$/.test(text.charAt(at + 1)) : escaped <= 255;
      if (!sound) throw new RangeError(`"${text}" has a broken escape`);
      label.push(escaped);
      at += digits === undefined ? 2 : 4;
    } else {
      const code = text.charCodeAt(at);
      if (code <= 0x20 || code >= 0x7f) {
        throw new RangeError(`"${text}" has a character that a name cannot hold unescaped`);
      }
      label.push(code);
      at++;
    }
  }
  if (label.length > 0 || text === '') endLabel();
  wire.push(0);
  if (wire.length > MAX_NAME_LENGTH) throw new RangeError(`"${text}" is over 255 bytes`);
  return Uint8Array.from(wire);
}
