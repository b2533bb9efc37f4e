// A hosts file (hosts(5)): its names become records that are answered here. Called by load, at
// start and at each reload.
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { parseIp } from '../base/ip-address.ts';
import { InvalidValue } from './invalid-value.ts';
import { type LocalRecord, parseLocalRecord } from './local-record.ts';
import { readTextFile } from './read-text-file.ts';

/** A hosts file; without records until it is read. */
export interface HostsFile {
  readonly path: string;
  /** A and AAAA for each name, PTR to the first name of each line. */
  readonly records: readonly LocalRecord[];
  /** Of what it says: two readings with the same one say the same. '': not read. */
  readonly digest: string;
}

/** What a reading found. */
export interface HostsReading {
  /** The file's path, absolute. */
  readonly file: string;
  readonly hosts: HostsFile;
  /** Why it could not be read; ''. */
  readonly problem: string;
  /** Lines left out, from 1. */
  readonly badLines: readonly number[];
}

/** Reads it. A relative path starts at the configuration file's directory. */
export function readHostsFile(path: string, configPath: string | null): HostsReading {
  const file = resolve(configPath === null ? '.' : dirname(configPath), path);
  try {
    const text = readTextFile(file);
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
    const { records, badLines } = parseHosts(text);
    return { file, hosts: { path, records, digest }, problem: '', badLines };
  } catch (error) {
    const problem = `cannot read ${file}: ${(error as Error).message}`;
    return { file, hosts: { path, records: [], digest: '' }, problem, badLines: [] };
  }
}

/** What makes no sense is left out, as libc does. The first line with an address gives its PTR. */
export function parseHosts(text: string): { records: LocalRecord[]; badLines: number[] } {
  const records = new Map<string, LocalRecord>();
  const badLines: number[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === '') continue;
    const ip = parseIp(address);
    // An address with an interface (fe80::1%lo0) cannot be put into a record.
    const usable = ip === null || ip.zone !== '' ? [] : names.filter(isName);
    if (usable.length === 0) {
      badLines.push(i + 1);
      continue;
    }
    const type = ip!.family === 4 ? 'A' : 'AAAA';
    for (const name of usable) {
      const record = parseLocalRecord(`${name} ${type} ${address}`);
      records.set(`${record.name} ${type} ${address}`, record);
    }
    const pointer = parseLocalRecord(`${reverseName(ip!.bytes)} PTR ${usable[0]}`);
    if (!records.has(pointer.name)) records.set(pointer.name, pointer);
  }
  return { records: [...records.values()], badLines };
}

function isName(text: string): boolean {
  try {
    return parseLocalRecord(`${text} A 0.0.0.0`).name[0] !== '*';
  } catch (error) {
    if (error instanceof InvalidValue) return false;
    throw error;
  }
}

/** The name of an address in the reverse tree (RFC 1035 §3.5, RFC 3596 §2.5). */
function reverseName(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes.toReversed().join('.')}.in-addr.arpa`;
  const digits = Buffer.from(bytes).toString('hex');
  return `${[...digits].toReversed().join('.')}.ip6.arpa`;
}
