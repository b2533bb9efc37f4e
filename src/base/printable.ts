// Texts of others (servers, tenants of a node) must not reach a terminal as commands, nor change
// the order of what stands beside them.

/** Controls (C0, DEL, C1), line and paragraph separators, and what turns the writing direction. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** The text on one line, each such character as `?`. */
export function printable(text: string): string {
  return text.replace(CONTROL, '?');
}

/**
 * The value as JSON, the same to a program: such characters that JSON leaves as they are are
 * escaped, too.
 */
export function printableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).split('\n').map(escapeControls).join('\n');
}

/** The text on one line, each such character as JSON escapes it. */
export function escapeControls(text: string): string {
  return text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
