// resolv.conf(5) as written: every server (libc stops at three), every option, every line that
// means nothing, each with its line number. Called by discover, by the sources that keep their
// servers in this format, and by the doctor.
import { isIP } from 'node:net';
import type { FileReading, NodeFiles, UnreadableReason } from './node-files.ts';

/** A bad line beyond this many is counted, not kept. */
const MAX_BAD_LINES = 64;

export interface Nameserver {
  /** IP literal, its zone kept. */
  readonly address: string;
  /** From 1. */
  readonly line: number;
}

export interface ResolvOption {
  /** "ndots", "rotate"; unknown ones are kept as written. */
  readonly name: string;
  /** What follows the colon; '' when nothing does. */
  readonly value: string;
  readonly known: boolean;
  readonly line: number;
}

export interface BadLine {
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

/** read: it names at least one server; empty: it is there and names none. */
export type ResolvConfState = 'read' | 'empty' | 'missing' | 'unreadable';

export interface ResolvConf {
  /** As asked for, without the root. */
  readonly path: string;
  readonly state: ResolvConfState;
  /** Why it is unreadable ("is a directory"), else ''. */
  readonly detail: string;
  /** The same as a word. */
  readonly reason?: UnreadableReason;
  readonly nameservers: readonly Nameserver[];
  /** The last search or domain line wins. */
  readonly search: readonly string[];
  /** Line of the search list; 0 when there is none. */
  readonly searchLine: number;
  readonly options: readonly ResolvOption[];
  readonly badLines: readonly BadLine[];
  /** All of them, those that were not kept too. */
  readonly badLineCount: number;
}

const KNOWN_OPTIONS = new Set([
  'debug',
  'ndots',
  'timeout',
  'attempts',
  'rotate',
  'no-aaaa',
  'no-check-names',
  'inet6',
  'ip6-bytestring',
  'ip6-dotint',
  'no-ip6-dotint',
  'edns0',
  'single-request',
  'single-request-reopen',
  'no-tld-query',
  'use-vc',
  'no-reload',
  'trust-ad',
]);
const NUMBER_OPTIONS = new Set(['ndots', 'timeout', 'attempts']);
/** Keywords of libc and the BSDs that say nothing about servers. */
const IGNORED_KEYWORDS = new Set(['sortlist', 'family', 'lookup', 'port', 'tcp', 'nameserver_port']);

/** Reads and parses a resolv.conf. Never throws: what is wrong with the file is in the result. */
export async function readResolvConf(files: NodeFiles, path: string): Promise<ResolvConf> {
  return fromReading(await files.read(path));
}

function fromReading(reading: FileReading): ResolvConf {
  switch (reading.kind) {
    case 'text':
      return parseResolvConf(reading.text, reading.path);
    case 'missing':
      return { ...parseResolvConf('', reading.path), state: 'missing', detail: 'does not exist' };
    case 'unreadable':
      return {
        ...parseResolvConf('', reading.path),
        state: 'unreadable',
        detail: reading.detail,
        reason: reading.reason,
      };
  }
}

/** Parses the text of a resolv.conf. */
export function parseResolvConf(text: string, path: string): ResolvConf {
  const nameservers: Nameserver[] = [];
  const options: ResolvOption[] = [];
  const badLines: BadLine[] = [];
  let badLineCount = 0;
  let search: string[] = [];
  let searchLine = 0;

  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [index, written] of lines.entries()) {
    const line = index + 1;
    // A comment starts a line or follows white space: '#' is no part of any address or name here.
    const words = written
      .replace(/(^|\s)[#;].*$/, '')
      .split(/\s+/)
      .filter((word) => word !== '');
    const keyword = words.shift();
    if (keyword === undefined) continue;
    let reason = '';
    if (keyword === 'nameserver') {
      const address = words[0];
      if (address === undefined) reason = 'nameserver without an address';
      else if (isIP(address) === 0) reason = 'nameserver wants an IP address';
      else nameservers.push({ address, line });
    } else if (keyword === 'search' || keyword === 'domain') {
      if (words.length === 0) reason = `${keyword} without a name`;
      search = keyword === 'domain' ? words.slice(0, 1) : words;
      searchLine = words.length === 0 ? 0 : line;
    } else if (keyword === 'options') {
      for (const word of words) {
        const option = parseOption(word, line);
        options.push(option);
        if (NUMBER_OPTIONS.has(option.name) && !/^\d+$/.test(option.value))
          reason = `${option.name} wants a number`;
      }
    } else if (!IGNORED_KEYWORDS.has(keyword)) {
      reason = 'unknown keyword';
    }
    if (reason === '') continue;
    badLineCount++;
    if (badLines.length < MAX_BAD_LINES) badLines.push({ line, text: written.trim().slice(0, 200), reason });
  }
  const state = nameservers.length === 0 ? 'empty' : 'read';
  return { path, state, detail: '', nameservers, search, searchLine, options, badLines, badLineCount };
}

function parseOption(word: string, line: number): ResolvOption {
  const colon = word.indexOf(':');
  const name = colon === -1 ? word : word.slice(0, colon);
  return { name, value: colon === -1 ? '' : word.slice(colon + 1), known: KNOWN_OPTIONS.has(name), line };
}
