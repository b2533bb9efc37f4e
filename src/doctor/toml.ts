// As much of TOML as the settings of DNS servers need: sections, and keys with texts, numbers or
// lists of texts. Called by pihole and dnscrypt-proxy.

/** A setting: its texts (a number as written), and its line. */
export interface TomlValue {
  readonly texts: readonly string[];
  readonly line: number;
}

/**
 * "section.key" (or "key" before the first section) to its value. What is not understood is left
 * out.
 */
export function readToml(text: string): Map<string, TomlValue> {
  const values = new Map<string, TomlValue>();
  const lines = text.split(/\r?\n/).map(withoutComment);
  let section = '';
  for (let index = 0; index < lines.length; index++) {
    const header = /^\s*\[+([\w.'"-]+)\]+\s*$/.exec(lines[index]!);
    if (header !== null) section = `${header[1]}.`;
    const match = /^\s*([\w-]+)\s*=\s*(.*)$/.exec(lines[index]!);
    if (match === null) continue;
    const line = index + 1;
    const parts = [match[2]!];
    // A list may go on for lines.
    if (parts[0]!.startsWith('[')) {
      while (!parts.at(-1)!.includes(']') && index + 1 < lines.length) parts.push(lines[++index]!);
    }
    const value = parts.join(' ');
    const quoted = [...value.matchAll(/"([^"]*)"|'([^']*)'/g)].map((found) => found[1] ?? found[2]!);
    const isBare = quoted.length === 0 && !value.startsWith('[') && !/^["']/.test(value);
    values.set(section + match[1]!, { texts: isBare ? [value.trim()] : quoted, line });
  }
  return values;
}

/** '#' begins a comment outside quotes. */
function withoutComment(line: string): string {
  return /^(?:"[^"]*"|'[^']*'|[^#"']|["'])*?(?=#|$)/.exec(line)?.[0] ?? line;
}
