// Reads a Corefile (CoreDNS's configuration, in the syntax of Caddy v1) into server blocks and
// directives. Called by cli/from-corefile and the doctor. It knows the syntax only: its callers
// know what a plugin's words mean.
import { type Fault, faultAt } from './fault.ts';

/** A word and its location. */
interface Token {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  /** A quoted brace is a word. */
  readonly quoted: boolean;
}

/** "cache 30 { … }": a word, what follows it on its line, and the lines in its braces. */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly line: number;
  readonly column: number;
  readonly body: readonly Directive[];
}

/** "example.org:53 { … }". */
export interface ServerBlock {
  readonly keys: readonly string[];
  readonly line: number;
  readonly directives: readonly Directive[];
}

export interface Corefile {
  readonly blocks: readonly ServerBlock[];
  /** `import FILES` between the server blocks, which is not followed. */
  readonly imports: readonly Directive[];
  /** What could not be read; if there is anything, do not rely on `blocks`. */
  readonly faults: readonly Fault[];
}

/** How deeply braces and imported snippets may be nested. */
const MAX_DEPTH = 8;

/** "example.org", "tls://.:853", "10.0.0.0/8", "2001:db8::/32", "(snippet)", "{$ZONE}:53". */
const KEY_PATTERN = /^([a-z0-9]+:\/\/)?([\w.-]*|[\da-f.:]+\/\d+|\(.+\)|.*\{[$%][^}]*\}.*)(:\d+)?$/i;

/** Never throws: errors are reported in `faults`. */
export function parseCorefile(text: string, file: string): Corefile {
  const reader = new CorefileReader(splitTokens(text), file);
  return { blocks: reader.readBlocks(), imports: reader.imports, faults: reader.faults };
}

/**
 * Words by white space; "…" may hold spaces and line breaks; # starts a comment at the start of a
 * word.
 */
function splitTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let lineStart = 0;
  let at = 0;
  const newLine = () => {
    line++;
    lineStart = at + 1;
  };
  while (at < text.length) {
    const character = text[at]!;
    if (character === '\n') newLine();
    if (/\s/.test(character)) {
      at++;
    } else if (character === '#') {
      while (at < text.length && text[at] !== '\n') at++;
    } else {
      const start = { line, column: at - lineStart + 1 };
      let word = '';
      const quoted = character === '"';
      if (quoted) {
        for (at++; at < text.length && text[at] !== '"'; at++) {
          if (text[at] === '\\' && text[at + 1] === '"') at++;
          if (text[at] === '\n') newLine();
          word += text[at];
        }
        at++;
      } else {
        for (; at < text.length && !/\s/.test(text[at]!); at++) word += text[at];
      }
      tokens.push({ text: word, ...start, quoted });
    }
  }
  return tokens;
}

class CorefileReader {
  readonly faults: Fault[] = [];
  readonly imports: Directive[] = [];
  readonly #tokens: readonly Token[];
  readonly #file: string;
  readonly #snippets = new Map<string, readonly Directive[]>();
  #at = 0;

  constructor(tokens: readonly Token[], file: string) {
    this.#tokens = tokens;
    this.#file = file;
  }

  readBlocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#at < this.#tokens.length && this.faults.length === 0) {
      const first = this.#tokens[this.#at]!;
      if (this.#isImport()) {
        this.imports.push(this.#readDirective(1));
        continue;
      }
      const keys = this.#readKeys();
      if (keys.length === 0) {
        this.#fault(first, `"${first.text}" is not the start of a server block; expected for example .:53 {`);
        break;
      }
      const odd = keys.find((key) => !KEY_PATTERN.test(key));
      if (odd !== undefined) {
        this.#fault(first, `"${odd}" is not a zone; expected for example .:53 { or example.org {`);
        break;
      }
      // A file with a single server block may do without braces: then its keys are the first line.
      const braced = this.#isBrace('{');
      if (braced) this.#at++;
      const directives = this.#expand(this.#readDirectives(braced, first, 1), 0);
      const snippet = /^\((.+)\)$/.exec(keys[0]!)?.[1];
      if (snippet === undefined) blocks.push({ keys, line: first.line, directives });
      else this.#snippets.set(snippet, directives);
    }
    return blocks;
  }

  /** "a.example, b.example:53 {": keys, of which a comma says that the next line goes on. */
  #readKeys(): string[] {
    const keys: string[] = [];
    let { line } = this.#tokens[this.#at]!;
    while (this.#at < this.#tokens.length && !this.#isBrace('{') && !this.#isBrace('}')) {
      const token = this.#tokens[this.#at]!;
      if (token.line !== line) break;
      keys.push(...token.text.split(',').filter((key) => key !== ''));
      this.#at++;
      if (token.text.endsWith(',')) line = this.#tokens[this.#at]?.line ?? line;
    }
    return keys;
  }

  #readDirectives(braced: boolean, opened: Token, depth: number): Directive[] {
    const directives: Directive[] = [];
    while (this.#at < this.#tokens.length && this.faults.length === 0) {
      const token = this.#tokens[this.#at]!;
      if (this.#isBrace('}')) {
        if (!braced) this.#fault(token, 'a "}" without its "{"');
        this.#at++;
        return directives;
      }
      if (this.#isBrace('{') || depth > MAX_DEPTH) {
        this.#fault(
          token,
          depth > MAX_DEPTH ? 'braces are nested too deeply' : 'a "{" without a word before it',
        );
        break;
      }
      directives.push(this.#readDirective(depth));
    }
    if (braced && this.faults.length === 0) this.#fault(opened, 'its "{" is never closed');
    return directives;
  }

  #readDirective(depth: number): Directive {
    const token = this.#tokens[this.#at++]!;
    const args: string[] = [];
    let body: Directive[] = [];
    while (this.#tokens[this.#at]?.line === token.line && !this.#isBrace('}')) {
      const next = this.#tokens[this.#at++]!;
      if (next.text === '{' && !next.quoted) {
        body = this.#readDirectives(true, token, depth + 1);
        break;
      }
      args.push(next.text);
    }
    return { name: token.text, args, line: token.line, column: token.column, body };
  }

  /**
   * Replaces each `import` of a snippet by the snippet; an import of a file is kept, so that the
   * caller can name it.
   */
  #expand(directives: readonly Directive[], depth: number): Directive[] {
    return directives.flatMap((directive) => {
      const snippet = directive.name === 'import' ? this.#snippets.get(directive.args[0] ?? '') : undefined;
      if (snippet === undefined || depth > MAX_DEPTH) return [directive];
      return this.#expand(snippet, depth + 1);
    });
  }

  /** "import custom/*.server" on a line of its own, as k3s and AKS end theirs. */
  #isImport(): boolean {
    const [word, argument] = this.#tokens.slice(this.#at, this.#at + 2);
    return word?.text === 'import' && !word.quoted && argument?.line === word.line && argument.text !== '{';
  }

  #isBrace(brace: '{' | '}'): boolean {
    const token = this.#tokens[this.#at];
    return token !== undefined && token.text === brace && !token.quoted;
  }

  #fault(token: Token, message: string): void {
    this.faults.push(faultAt({ file: this.#file, line: token.line, column: token.column }, '', message));
  }
}
