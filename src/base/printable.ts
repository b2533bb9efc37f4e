// Texts of others (servers, tenants of a node) must not reach a terminal as commands.

/** The text on one line, each control character (C0, DEL, C1) as `?`. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be found
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/**
 * The value as JSON, the same to a program: control characters that JSON leaves as they are (DEL,
 * C1) are escaped, too.
 */
export function printableJson(value: unknown, indent = 0): string {
  const escaped = (character: string) => `\\u00${character.charCodeAt(0).toString(16)}`;
  return JSON.stringify(value, null, indent).replace(/[\u007f-\u009f]/g, escaped);
}
