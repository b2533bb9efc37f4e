// Who asks most, for what, and what fails most: of the last five to ten minutes. One per worker,
// fed by the pipeline, read when somebody asks for it (GET /top). Memory is fixed, and shared out
// among the workers: names are dealt to them.
//
//   isDue()? (sampler) ─▶ note…() ─▶ this window's tables    ─┐
//                                    the window's before them ─┴─▶ report()
import { randomInt } from 'node:crypto';
import { formatPeerAddress, isMappedIpv4 } from '../io/peer.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { FOLD } from '../wire/name.ts';
import { avalanche } from '../wire/name-hash.ts';
import { nameToText } from '../wire/text.ts';
import { HeavyHitters, type Hit } from './heavy-hitters.ts';
import { Sampler } from './sampler.ts';

/** A name or a client, or a name on an upstream's slot; and how often, at least. */
export interface TopEntry {
  readonly key: string;
  /** Of an upstream, for what fails; else −1. */
  readonly slot: number;
  readonly count: number;
}

/** What one worker has counted. Unmerged: a key may be in it twice, once for each window. */
export interface TopReport {
  /** Wall clock, ms since 1970. */
  readonly sinceMs: number;
  readonly names: readonly TopEntry[];
  readonly clients: readonly TopEntry[];
  readonly nxdomainClients: readonly TopEntry[];
  readonly failingNames: readonly TopEntry[];
  /** Who asks for what only a search list makes, and below which domains. */
  readonly searchClients: readonly TopEntry[];
  readonly searchDomains: readonly TopEntry[];
}

/** How long a window is filled before it is the one before. */
const WINDOW_MS = 300_000;
/** Keys of all workers together, per window. */
const NAMES = 2048;
const FAILING_NAMES = 512;
/** Of search lists: few clients make the most of them, below few domains. */
const SEARCH_CLIENTS = 1024;
const SEARCH_DOMAINS = 256;
const LEAST_DOMAINS = 32;
const CLIENTS = 4096;
/** Of one worker, so that many workers take more memory than few: 3 MiB if there are 16. */
const LEAST = 128;
/** Entries per table and window that a worker reports: a client may ask several workers. */
const REPORTED = 250;

/** A peer's first words: family and port, address, scope (io/datagram-socket.ts). */
const CLIENT_WORDS = 6;
const MAX_NAME_BYTES = 255;
/** In front of a name that fails: the upstream's slot. */
const SLOT_BYTES = 2;

/** Who asks. */
interface Client {
  readonly peers: Int32Array;
  readonly peerOffset: number;
}

/** The tables of one window. */
class TopWindow {
  /** Wall clock; 0: it was not begun yet. */
  sinceMs = 0;
  readonly names: HeavyHitters;
  readonly clients: HeavyHitters;
  readonly nxdomainClients: HeavyHitters;
  readonly failingNames: HeavyHitters;
  readonly searchClients: HeavyHitters;
  readonly searchDomains: HeavyHitters;

  constructor(workers: number) {
    const share = (keys: number) => Math.max(LEAST, Math.ceil(keys / workers));
    this.names = new HeavyHitters(share(NAMES), MAX_NAME_BYTES);
    this.clients = new HeavyHitters(share(CLIENTS), CLIENT_WORDS * 4);
    this.nxdomainClients = new HeavyHitters(share(CLIENTS), CLIENT_WORDS * 4);
    this.failingNames = new HeavyHitters(share(FAILING_NAMES), SLOT_BYTES + MAX_NAME_BYTES);
    this.searchClients = new HeavyHitters(share(SEARCH_CLIENTS), CLIENT_WORDS * 4);
    const domains = Math.max(LEAST_DOMAINS, Math.ceil(SEARCH_DOMAINS / workers));
    this.searchDomains = new HeavyHitters(domains, MAX_NAME_BYTES);
  }

  begin(): void {
    this.sinceMs = Date.now();
    this.names.clear();
    this.clients.clear();
    this.nxdomainClients.clear();
    this.failingNames.clear();
    this.searchClients.clear();
    this.searchDomains.clear();
  }
}

export class TopCounts {
  /** Asked for each event; each keeps its own pace. */
  readonly queries: Sampler = new Sampler(randomInt(2 ** 31));
  readonly nxdomains: Sampler = new Sampler(randomInt(2 ** 31));
  readonly failures: Sampler = new Sampler(randomInt(2 ** 31));
  readonly wastes: Sampler = new Sampler(randomInt(2 ** 31));
  readonly #counters: Counters;
  #now: TopWindow;
  #before: TopWindow;
  #endsMs = 0;
  readonly #seed = randomInt(2 ** 31);
  readonly #name = new Uint8Array(SLOT_BYTES + MAX_NAME_BYTES);
  readonly #client = new Int32Array(CLIENT_WORDS);
  readonly #clientBytes = new Uint8Array(this.#client.buffer);

  constructor(workers: number, counters: Counters) {
    this.#counters = counters;
    this.#now = new TopWindow(workers);
    this.#before = new TopWindow(workers);
    this.#now.begin();
  }

  /** A query that `queries` has said is due: its QNAME at 12, and who sent it. */
  noteQuery(
    message: Uint8Array,
    nameLength: number,
    nameHash: number,
    peers: Int32Array,
    peerOffset: number,
  ): void {
    const { weight } = this.queries;
    this.#copyName(message, nameLength, 0);
    if (this.#now.names.add(this.#name, nameLength, nameHash, weight))
      this.#counters.increment(Counter.topNamesEvicted);
    if (this.#addClient(this.#now.clients, peers, peerOffset, weight))
      this.#counters.increment(Counter.topClientsEvicted);
  }

  /** An NXDOMAIN that `nxdomains` has said is due, and who gets it. */
  noteNxdomain(peers: Int32Array, peerOffset: number): void {
    if (this.#addClient(this.#now.nxdomainClients, peers, peerOffset, this.nxdomains.weight))
      this.#counters.increment(Counter.topNxdomainClientsEvicted);
  }

  /** A failure that `failures` has said is due: of an upstream's slot, and QNAME at 12. */
  noteFailure(slot: number, message: Uint8Array, nameLength: number, nameHash: number): void {
    this.#name[0] = slot >> 8;
    this.#name[1] = slot;
    this.#copyName(message, nameLength, SLOT_BYTES);
    const hash = avalanche(nameHash, slot);
    const { failingNames } = this.#now;
    if (failingNames.add(this.#name, SLOT_BYTES + nameLength, hash, this.failures.weight))
      this.#counters.increment(Counter.topFailingNamesEvicted);
  }

  /** An NXDOMAIN for a search list that `wastes` has said is due: the domain, and who gets it. */
  noteWaste(message: Uint8Array, domainOffset: number, { peers, peerOffset }: Client): void {
    const { weight } = this.wastes;
    let end = domainOffset;
    while (message[end] !== 0) end += message[end]! + 1;
    const length = end + 1 - domainOffset;
    let hash = this.#seed;
    for (let i = 0; i < length; i++) {
      this.#name[i] = FOLD[message[domainOffset + i]!]!;
      hash = avalanche(hash, this.#name[i]!);
    }
    this.#now.searchDomains.add(this.#name, length, hash, weight);
    this.#addClient(this.#now.searchClients, peers, peerOffset, weight);
  }

  #copyName(message: Uint8Array, length: number, to: number): void {
    for (let i = 0; i < length; i++) this.#name[to + i] = FOLD[message[12 + i]!]!;
  }

  #addClient(table: HeavyHitters, peers: Int32Array, at: number, weight: number): boolean {
    const client = this.#client;
    const isMapped = isMappedIpv4(peers, at);
    // Without the port; an IPv4 client is the same one on every socket.
    client[0] = isMapped ? 4 << 16 : peers[at]! & ~0xffff;
    for (let i = 1; i < CLIENT_WORDS; i++) client[i] = isMapped ? 0 : peers[at + i]!;
    if (isMapped) client[1] = peers[at + 4]!;
    let hash = this.#seed;
    for (let i = 0; i < CLIENT_WORDS; i++) hash = avalanche(hash, client[i]! ^ this.#seed);
    return table.add(this.#clientBytes, CLIENT_WORDS * 4, hash, weight);
  }

  /** Once a second. */
  tick(nowMs: number): void {
    this.queries.tick();
    this.nxdomains.tick();
    this.failures.tick();
    this.wastes.tick();
    if (this.#endsMs === 0) this.#endsMs = nowMs + WINDOW_MS;
    if (nowMs < this.#endsMs) return;
    this.#endsMs = nowMs + WINDOW_MS;
    const oldest = this.#before;
    this.#before = this.#now;
    this.#now = oldest;
    oldest.begin();
  }

  /** A slot may belong to another upstream from now on. */
  forgetFailures(): void {
    this.#now.failingNames.clear();
    this.#before.failingNames.clear();
  }

  report(): TopReport {
    const windows = [this.#before, this.#now].filter(({ sinceMs }) => sinceMs > 0);
    const most = (of: (window: TopWindow) => HeavyHitters, read: (hit: Hit) => TopEntry) =>
      windows.flatMap((window) => of(window).most(REPORTED).map(read));
    return {
      sinceMs: windows[0]!.sinceMs,
      names: most((window) => window.names, readName),
      clients: most((window) => window.clients, readClient),
      nxdomainClients: most((window) => window.nxdomainClients, readClient),
      failingNames: most((window) => window.failingNames, readFailingName),
      searchClients: most((window) => window.searchClients, readClient),
      searchDomains: most((window) => window.searchDomains, readName),
    };
  }
}

function readName({ key, count }: Hit): TopEntry {
  return { key: nameToText(key, 0), slot: -1, count };
}

function readClient({ key, count }: Hit): TopEntry {
  return { key: formatPeerAddress(new Int32Array(key.buffer), 0), slot: -1, count };
}

function readFailingName({ key, count }: Hit): TopEntry {
  return { key: nameToText(key, SLOT_BYTES), slot: key[0]! * 256 + key[1]!, count };
}
