// `unloop check --from-corefile FILE`: the `forward` and `cache` of a CoreDNS configuration as
// unloop's own, and a list of what has no equivalent. Called by check. docs/migration.md explains
// the result.
import { basename } from 'node:path';
import { Document, isSeq, visit } from 'yaml';
import { type Directive, parseCorefile, type ServerBlock } from '../config/corefile.ts';
import { ConfigInvalid, faultAt } from '../config/fault.ts';
import { parseDuration } from '../config/units.ts';
import { parseZoneSuffix } from '../config/zone-suffix.ts';
import { type CacheSettings, readCache } from './from-corefile-cache.ts';
import { type ForwardSettings, readForward } from './from-corefile-forward.ts';
import { joinLogs, type LogSettings, readLog } from './from-corefile-log.ts';
import { convertDuration, Notes, quote } from './from-corefile-notes.ts';

/** Plugins whose work unloop does as well, with what to know of it. */
const BUILT_IN: Readonly<Record<string, string>> = {
  loop: 'take it out of the Corefile: unloop notices loops at any time, and a loop is not the end of it',
  reload: 'built in: the file is watched, SIGHUP does it too',
  errors: 'built in: errors are logged, repeated ones once with a count',
  ready: 'built in: GET /ready on admin.listen',
  bufsize: 'built in: 1232',
  minimal: 'not needed: answers are passed on as they came',
  loadbalance: 'stays with CoreDNS: answers are passed on in the order they came',
};

/** The answer: YAML with remarks. Throws ConfigInvalid when the text is no Corefile. */
export function convertCorefile(text: string, file: string): string {
  const { blocks, imports, faults } = parseCorefile(text, file);
  if (faults.length > 0) throw new ConfigInvalid(faults);
  if (blocks.length === 0)
    throw new ConfigInvalid([faultAt({ file, line: 1, column: 1 }, '', 'there is no server block in it')]);
  return new Conversion(file).convert(blocks, imports);
}

class Conversion {
  readonly #file: string;
  readonly #notes = new Notes();
  readonly #zones = new Map<string, ForwardSettings>();
  #cache: CacheSettings | null = null;
  #lameduck: string | null = null;
  #coredns = false;
  #log: LogSettings | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  convert(blocks: readonly ServerBlock[], imports: readonly Directive[]): string {
    // Settings for all names are in the block of the root: if there are several caches, its cache
    // counts.
    const ordered = blocks.toSorted((a, b) => Number(isRoot(b)) - Number(isRoot(a)));
    for (const block of ordered) {
      this.#noteListeners(block);
      for (const directive of block.directives) this.#read(block, directive);
    }
    for (const directive of imports) this.#noteImport(directive);
    const document = new Document(this.#settings(), { aliasDuplicateObjects: false });
    visit(document, {
      Seq(_key, node) {
        if (isSeq(node)) node.flow = true;
      },
    });
    return `${this.#head()}${document.toString({ lineWidth: 0, flowCollectionPadding: false })}${this.#remarks()}`;
  }

  /** Where CoreDNS listens is no setting of ours: unloop is behind it. */
  #noteListeners({ keys, line }: ServerBlock): void {
    for (const key of keys) {
      const [, scheme = 'dns', port = '53'] = /^(?:([a-z0-9]+):\/\/)?.*?(?::(\d+))?$/.exec(key)!;
      if (scheme !== 'dns' || port !== '53')
        this.#notes.add(
          { line },
          `${key}: the listener stays with CoreDNS; unloop answers on listen, in plain DNS`,
        );
    }
  }

  #read(block: ServerBlock, directive: Directive): void {
    const notes = this.#notes;
    switch (directive.name) {
      case 'forward':
      case 'proxy':
        this.#readForward(block, directive);
        return;
      case 'cache':
        if (this.#cache === null) this.#cache = readCache(directive, notes);
        else
          notes.add(directive, `${quote(directive)}: there is one cache for all names; the first one counts`);
        return;
      case 'health':
        this.#readHealth(directive);
        return;
      case 'prometheus':
        this.#coredns = true;
        notes.add(directive, `${quote(directive)}: GET /metrics on admin.listen has CoreDNS's names as well`);
        return;
      case 'log':
        this.#log = joinLogs(this.#log, readLog(directive, notes));
        return;
      case 'import':
        this.#noteImport(directive);
        return;
      default:
        notes.add(
          directive,
          `${quote(directive)}: ${BUILT_IN[directive.name] ?? 'no equivalent: stays with CoreDNS'}`,
        );
    }
  }

  #noteImport(directive: Directive): void {
    this.#notes.add(directive, `${quote(directive)}: imported files are not read; convert them as well`);
  }

  #readForward(block: ServerBlock, directive: Directive): void {
    const settings = readForward(directive, this.#notes);
    if (settings === null) return;
    for (const zone of zonesOf(block, settings.from)) {
      const suffix = this.#checkZone(zone, directive);
      if (suffix === null) continue;
      const other = this.#zones.get(suffix);
      if (other === undefined) this.#zones.set(suffix, settings);
      else if (other.goesOn !== null) this.#append(suffix, other, directive, settings);
      else if (JSON.stringify(other) !== JSON.stringify(settings))
        this.#notes.add(
          directive,
          `${quote(directive)}: ${suffix} has servers already; the first ones count`,
        );
    }
  }

  /** `next` goes on with the servers of the `forward` behind it: here they are one list. */
  #append(suffix: string, first: ForwardSettings, directive: Directive, more: ForwardSettings): void {
    if (first.upstreams === 'auto' || more.upstreams === 'auto') {
      this.#notes.add(
        directive,
        `${quote(directive)}: servers of a file cannot be joined with others; list all of ${suffix} in one`,
      );
      this.#zones.set(suffix, { ...first, goesOn: null });
      return;
    }
    this.#notes.add(
      directive,
      `${quote(directive)}: joined with the servers before it, in this order; next is for each of them`,
    );
    const upstreams = [
      ...first.upstreams,
      ...more.upstreams.filter((text) => !first.upstreams.includes(text)),
    ];
    const next = [...new Set([...first.next, ...first.goesOnAfter, ...more.next])];
    const { goesOn, goesOnAfter } = more;
    this.#zones.set(suffix, { ...first, upstreams, next, policy: 'sequential', goesOn, goesOnAfter });
  }

  #checkZone(zone: string, directive: Directive): string | null {
    if (zone === '.') return zone;
    if (zone.includes('/')) {
      this.#notes.add(
        directive,
        `${quote(directive)}: write ${zone} as a name below in-addr.arpa or ip6.arpa`,
      );
      return null;
    }
    try {
      return parseZoneSuffix(zone);
    } catch (error) {
      this.#notes.add(directive, `${quote(directive)}: ${(error as Error).message}; left out`);
      return null;
    }
  }

  #readHealth(directive: Directive): void {
    const option = directive.body.find(({ name }) => name === 'lameduck');
    if (option?.args[0] !== undefined)
      this.#lameduck = convertDuration(option, option.args[0], this.#notes, [0, 300_000, 1]);
    this.#notes.add(directive, `${quote(directive)}: built in: GET /health on admin.listen`);
  }

  #settings(): Record<string, unknown> {
    for (const { goesOn, goesOnAfter } of this.#zones.values())
      if (goesOn !== null && goesOnAfter.length > 0)
        this.#notes.add(goesOn, `${quote(goesOn)}: no servers follow: CoreDNS has no use for it, either`);
    const root = this.#zones.get('.');
    const settings: Record<string, unknown> = {};
    settings.upstreams = root?.upstreams ?? 'auto';
    if (root === undefined)
      this.#notes.add(
        { line: 1 },
        'no forward for all names: they go to the servers of /etc/resolv.conf (upstreams: auto)',
      );
    const zones = Object.fromEntries(
      [...this.#zones]
        .filter(([suffix]) => suffix !== '.')
        .map(([suffix, { upstreams, policy, next }]) => [
          suffix,
          {
            upstreams,
            ...(policy === null ? {} : { policy }),
            // What is set for all names would count for this zone, too.
            ...(next.length === 0 && (root?.next.length ?? 0) === 0 ? {} : { next }),
          },
        ]),
    );
    if (Object.keys(zones).length > 0) settings.zones = zones;
    const files = new Set(
      [...this.#zones.values()].map(({ resolvConf }) => resolvConf).filter((path) => path !== null),
    );
    const [resolvConf] = files;
    if (resolvConf !== undefined && resolvConf !== '/etc/resolv.conf') settings.discovery = { resolvConf };
    if (files.size > 1) this.#notes.add({ line: 1 }, `only one of ${[...files].join(', ')} can be used`);
    const ruling = root ?? [...this.#zones.values()][0];
    for (const [suffix, zone] of this.#zones) if (zone !== ruling) this.#noteServerWide(suffix, zone);
    const forward = this.#forwardSettings(ruling);
    if (Object.keys(forward).length > 0) settings.forward = forward;
    settings.cache = this.#cacheSettings();
    if (this.#coredns) settings.admin = { coredns: true };
    if (this.#log !== null) settings.log = this.#log;
    if (this.#lameduck !== null) settings.lameduck = this.#lameduck;
    return settings;
  }

  /** A setting of the whole server in one zone is lost if another zone has one too. */
  #noteServerWide(suffix: string, { serverWide }: ForwardSettings): void {
    for (const option of serverWide) {
      const lost = `lost for ${suffix}: here it is one setting for all zones`;
      this.#notes.add(option, `${quote(option)}: ${lost}`);
    }
  }

  #forwardSettings(from: ForwardSettings | undefined): Record<string, unknown> {
    if (from === undefined) return {};
    const { policy, next, maxInFlight, healthInterval: interval, healthName: name, maxFails } = from;
    const healthCheck = {
      ...(interval === null ? {} : { interval }),
      ...(name === null ? {} : { name }),
      ...(maxFails === null ? {} : { maxFails }),
    };
    return {
      ...(policy === null ? {} : { policy }),
      ...(next.length === 0 ? {} : { next }),
      ...(maxInFlight === null ? {} : { maxInFlight }),
      ...(Object.keys(healthCheck).length === 0 ? {} : { healthCheck }),
    };
  }

  #cacheSettings(): CacheSettings {
    if (this.#cache === null) return { maxEntries: 0 };
    const { minTtl, maxTtl } = this.#cache as { minTtl?: string; maxTtl: string };
    if (minTtl !== undefined && parseDuration(minTtl) > parseDuration(maxTtl)) this.#cache.minTtl = maxTtl;
    return this.#cache;
  }

  #head(): string {
    return [
      `# From ${basename(this.#file)}, by unloop check --from-corefile. CoreDNS then asks unloop alone:`,
      '#     forward . 127.0.0.1:5300',
      '',
      '',
    ].join('\n');
  }

  #remarks(): string {
    const lines = this.#notes.lines.toSorted((a, b) => a.line - b.line);
    if (lines.length === 0) return '';
    const width = String(lines.at(-1)!.line).length;
    const remarks = lines.map(({ line, text }) => `#   ${String(line).padStart(width)}: ${text}`);
    return `\n# What has no equivalent, or another one, by line of ${basename(this.#file)}:\n${remarks.join('\n')}\n`;
  }
}

/** "dns://.:53" → ".". */
function zoneOfKey(key: string): string {
  const zone = key.replace(/^[a-z0-9]+:\/\//, '').replace(/:\d+$/, '');
  return zone === '' ? '.' : zone;
}

function isRoot(block: ServerBlock): boolean {
  return block.keys.some((key) => zoneOfKey(key) === '.');
}

/** `forward . …` in the block of a zone is for that zone. */
function zonesOf(block: ServerBlock, from: string): string[] {
  if (from !== '.') return [from];
  return [...new Set(block.keys.map(zoneOfKey))];
}
