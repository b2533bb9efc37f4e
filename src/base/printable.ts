// Texts of others (servers, tenants of a node) must not reach a terminal as commands.

/** The text on one line, each control character (C0, DEL, C1) as `?`. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be found
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
