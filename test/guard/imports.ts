// What a file of this repository imports, read from its text.
import { dirname, join, normalize } from 'node:path';
import { readRepositoryFile } from './repository-files.ts';

/** One import of a file of this repository by another. */
export interface Import {
  readonly file: string;
  readonly line: number;
  readonly typeOnly: boolean;
  /** Path of the file that is imported. */
  readonly target: string;
}

// `import … from './x'`, `export … from './x'`, `import './x'`, `import('./x')`,
// `new URL('./x', import.meta.url)`.
const STATEMENT =
  /(?:^|\n)\s*(?:import|export)\s+(?<typeWord>type\s)?[^'";]*?from\s*'(?<from>[^']+)'|(?:\bimport\(|(?:^|\n)\s*import\s*)'(?<direct>[^']+)'/g;

/** All imports of a file that name another file. */
export function importsOf(file: string): Import[] {
  const text = readRepositoryFile(file);
  const imports: Import[] = [];
  for (const match of text.matchAll(STATEMENT)) {
    const { typeWord, from, direct } = match.groups!;
    const specifier = from ?? direct!;
    if (!specifier.startsWith('.')) continue;
    const line = text.slice(0, match.index + match[0].length).split('\n').length;
    imports.push({
      file,
      line,
      typeOnly: typeWord !== undefined,
      target: normalize(join(dirname(file), specifier)),
    });
  }
  return imports;
}
