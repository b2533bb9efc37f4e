// The commands of docs/kubernetes as a reader would run them: the blocks of shell commands of a
// page's section, in their order.
import { readRepositoryFile } from '../../guard/repository-files.ts';

export interface Block {
  /** As the fence says; '' for none. */
  readonly language: string;
  /** Without the indentation of a list that it stands in. */
  readonly text: string;
}

/** All blocks of code below a heading of the second level. */
export function blocksOf(page: string, section: string): Block[] {
  const text = readRepositoryFile(`docs/kubernetes/${page}`);
  const [, ...sections] = text.split(/^## /m);
  const found = sections.find((each) => each.startsWith(`${section}\n`));
  if (found === undefined) throw new Error(`${page} has no section "${section}"`);
  return [...found.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', body = '']) => ({
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/**
 * The section's shell commands as one script, with the words that a reader has to replace
 * (REGISTRY) filled in. A word that the page does not have is an error: the page has changed.
 */
export function commandsOf(
  page: string,
  section: string,
  words: Readonly<Record<string, string>> = {},
): string {
  const blocks = blocksOf(page, section).filter(({ language }) => language === 'sh');
  if (blocks.length === 0) throw new Error(`${page} has no commands in "${section}"`);
  let script = blocks.map(({ text }) => text).join('\n');
  for (const [word, value] of Object.entries(words)) {
    const pattern = new RegExp(`\\b${word}\\b`, 'g');
    if (!pattern.test(script)) throw new Error(`"${section}" of ${page} does not name ${word}`);
    script = script.replaceAll(pattern, value);
  }
  return script;
}
