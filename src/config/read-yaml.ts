// The configuration file's text to assignments and faults, each with line and column. Called by
// load.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { Reading, showKeys } from './assignment.ts';
import { faultAt, type Place } from './fault.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';
import { SETTING_TREE, type SettingTree } from './setting-tree.ts';
import { suggest } from './suggest.ts';
import { parseZoneSuffix } from './zone-suffix.ts';

/** Aliases that one file may use: plenty for people, too few for a bomb. */
const MAX_ALIASES = 100;

/** Reads every setting in the text. The file's name is for the places only. */
export function readYaml(text: string, file: string): Reading {
  return new YamlReading(text, file).read();
}

class YamlReading {
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #reading = new Reading();
  #aliases = 0;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      schema: 'core',
      stringKeys: true,
      // Duplicate keys are looked for here, where the first one's line can be told.
      uniqueKeys: false,
    });
  }

  read(): Reading {
    const problems = [...this.#document.errors, ...this.#document.warnings];
    for (const problem of problems) {
      const message =
        problem.code === 'MULTIPLE_DOCS' ? 'the file contains a second document (---)' : problem.message;
      this.#reading.faults.push(faultAt(this.#placeAt(problem.pos[0]), '', `not valid YAML: ${message}`));
    }
    // Behind a syntax error the tree is guesswork; faults found in it would mislead.
    if (problems.length === 0) this.#readRoot();
    return this.#reading;
  }

  #readRoot(): void {
    const contents = this.#document.contents as Node | null;
    if (isEmpty(contents)) return;
    this.#readLevel(contents, SETTING_TREE, [], this.#placeAt(0));
  }

  /** A mapping whose keys are known. */
  #readLevel(written: Node | null, tree: SettingTree, keys: readonly string[], place: Place): void {
    const map = this.#resolveMap(written, tree, keys, place);
    if (map === null) return;
    const placeByKey = new Map<string, Place>();
    for (const pair of map.items) {
      const key = keyText(pair);
      const keyPlace = this.#placeOf(pair.key as Node | null, place);
      if (!this.#isFirst(placeByKey, key, [...keys, key], keyPlace)) continue;
      const child = tree.get(key);
      const childKeys = [...keys, key];
      const value = pair.value as Node | null;
      if (child === undefined) this.#add(keyPlace, '', describeUnknownKey(key, keys, tree));
      else if ('path' in child) this.#readSetting(value, child, childKeys, keyPlace);
      else if (child.has('*')) this.#readZones(value, child.get('*') as SettingTree, childKeys, keyPlace);
      else this.#readLevel(value, child, childKeys, keyPlace);
    }
  }

  /** The mapping under `zones`: any suffix is a key. */
  #readZones(written: Node | null, tree: SettingTree, keys: readonly string[], place: Place): void {
    const map = this.#resolveMap(written, null, keys, place);
    if (map === null) return;
    const placeBySuffix = new Map<string, Place>();
    for (const pair of map.items) {
      const key = keyText(pair);
      const keyPlace = this.#placeOf(pair.key as Node | null, place);
      try {
        const suffix = parseZoneSuffix(key);
        if (this.#isFirst(placeBySuffix, suffix, [...keys, suffix], keyPlace)) {
          this.#readZone(pair.value as Node | null, tree, [...keys, suffix], keyPlace);
        }
      } catch (error) {
        if (!(error instanceof InvalidValue)) throw error;
        this.#add(keyPlace, 'zones', `${showKeys(keys)}: ${error.message}`);
      }
    }
  }

  #readZone(written: Node | null, tree: SettingTree, keys: readonly string[], place: Place): void {
    const zone = this.#resolve(written);
    if (zone === undefined) return;
    if (isSeq(zone) || (isScalar(zone) && typeof zone.value === 'string')) {
      const hint = 'a zone is a mapping; write { upstreams: ["10.96.0.10"] }';
      this.#add(this.#placeOf(written, place), 'zones', `${showKeys(keys)}: ${hint}`);
      return;
    }
    const faultsBefore = this.#reading.faults.length;
    this.#readLevel(zone, tree, keys, place);
    // A fault in the zone may be this very key, misspelled.
    if (this.#reading.faults.length > faultsBefore) return;
    if (isEmpty(zone) || (isMap(zone) && !zone.items.some((pair) => keyText(pair) === 'upstreams'))) {
      this.#add(place, 'zones', `${showKeys(keys)}: upstreams is missing; write for example ["10.96.0.10"]`);
    }
  }

  #readSetting(written: Node | null, setting: Setting, keys: readonly string[], keyPlace: Place): void {
    const place = this.#placeOf(written, keyPlace);
    const node = this.#resolve(written);
    if (node === undefined) return;
    let raw: unknown;
    try {
      raw = node === null ? null : node.toJS(this.#document, { maxAliasCount: MAX_ALIASES });
    } catch (error) {
      this.#add(place, setting.path, `${showKeys(keys)}: ${(error as Error).message}`);
      return;
    }
    this.#reading.assign(setting, keys, raw, place, (index) =>
      isSeq(node) ? this.#placeOf(node.items[index] as Node, place) : place,
    );
  }

  /** Null: nothing to read there, or a fault was added. */
  #resolveMap(
    written: Node | null,
    tree: SettingTree | null,
    keys: readonly string[],
    keyPlace: Place,
  ): YAMLMap | null {
    const node = this.#resolve(written);
    if (node === undefined || isEmpty(node)) return null;
    if (isMap(node)) return node;
    const expected = tree === null ? 'zone suffixes' : [...tree.keys()].join(', ');
    const found = isScalar(node) ? showValue(node.value) : 'a list';
    const prefix = keys.length === 0 ? '' : `${showKeys(keys)}: `;
    const message = `${prefix}expected a mapping (${expected}), not ${found}`;
    this.#add(this.#placeOf(written, keyPlace), keys.join('.'), message);
    return null;
  }

  /**
   * The target of an alias, or the node itself. Undefined: the alias has no target, and a fault was
   * added.
   */
  #resolve(node: Node | null): Node | null | undefined {
    if (!isAlias(node)) return node ?? null;
    this.#aliases++;
    const target = this.#aliases > MAX_ALIASES ? undefined : node.resolve(this.#document);
    if (target !== undefined) return target;
    const problem = this.#aliases > MAX_ALIASES ? 'too many aliases' : 'no such anchor before it';
    this.#add(this.#placeOf(node, this.#placeAt(0)), '', `*${node.source}: ${problem}`);
    return undefined;
  }

  #isFirst(places: Map<string, Place>, key: string, keys: readonly string[], place: Place): boolean {
    const first = places.get(key);
    if (first === undefined) {
      places.set(key, place);
      return true;
    }
    this.#add(place, '', `duplicate key "${showKeys(keys)}"; it is already on line ${first.line}`);
    return false;
  }

  #add(place: Place, path: string, message: string): void {
    this.#reading.faults.push(faultAt(place, path, message));
  }

  #placeOf(node: Node | null, otherwise: Place): Place {
    const start = node?.range?.[0];
    return start === undefined ? otherwise : this.#placeAt(start);
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** Nothing, or an explicit null. */
function isEmpty(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function describeUnknownKey(key: string, keys: readonly string[], tree: SettingTree): string {
  const head = `unknown key "${showKeys([...keys, key])}"`;
  const near = suggest(key, tree.keys()) ?? findElsewhere(key);
  if (near !== null) return `${head}; did you mean "${near}"?`;
  return `${head}; expected one of ${[...tree.keys()].join(', ')}`;
}

/** A key that was written on the wrong level: deadline → forward.deadline. */
function findElsewhere(key: string): string | null {
  const paths = SETTINGS.map((setting) => setting.path).filter((path) => !path.includes('*'));
  const near = suggest(key, paths.map(lastKey));
  return paths.find((path) => lastKey(path) === near) ?? null;
}

function lastKey(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
