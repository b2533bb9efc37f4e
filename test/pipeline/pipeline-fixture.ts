// The whole pipeline on time moved by hand, between a client and upstreams that are scripts: what
// its tests share.
import { ManualClock } from '../../src/base/clock.ts';
import { RandomPool } from '../../src/base/random.ts';
import { TimerWheel } from '../../src/base/timer-wheel.ts';
import { WordBytes } from '../../src/base/word-bytes.ts';
import { MessageCache } from '../../src/cache/message-cache.ts';
import type { Policy } from '../../src/config/config.ts';
import type { DnstapTap } from '../../src/dnstap/dnstap-tap.ts';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { LoopDetector } from '../../src/loop/detector.ts';
import { createKeyMaterial, type LoopKeyMaterial } from '../../src/loop/keys.ts';
import { SentQuestions } from '../../src/loop/sent-questions.ts';
import type { LoopSighting } from '../../src/loop/sightings.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { ClientGate } from '../../src/pipeline/client-gate.ts';
import { ClientRates, createClientRates } from '../../src/pipeline/client-rates.ts';
import { Pipeline, type PipelineSettings } from '../../src/pipeline/pipeline.ts';
import { QueryFilter } from '../../src/pipeline/query-filter.ts';
import type { ReplySink } from '../../src/pipeline/reply-sink.ts';
import { NO_ZONES, Zone, type ZoneParts, ZoneTable } from '../../src/pipeline/zone.ts';
import type { Exchange, FailureReason, UpstreamQuery } from '../../src/upstream/exchange.ts';
import { Selection } from '../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { textToName } from '../../src/wire/text.ts';
import { cacheOptions } from '../cache/messages.ts';
import { asWords } from '../kit/as-words.ts';

/** A query as an upstream got it, and the means to answer it. */
export interface Sent {
  readonly query: UpstreamQuery;
  readonly overStream: boolean;
  /** A copy of the message. */
  readonly bytes: Uint8Array;
}

/** NOERROR with one record of the asked type, four zero bytes of data. */
export function withRecord(message: Uint8Array): Uint8Array {
  const record = Uint8Array.of(0xc0, 12, ...message.slice(-4), 0, 0, 0, 60, 0, 4, 0, 0, 0, 0);
  const whole = Uint8Array.from([...message, ...record]);
  whole[7] = 1; // ANCOUNT
  return whole;
}

/** An upstream that keeps what it is sent. Nothing is answered until the test says so. */
export class FakeUpstream implements Exchange {
  readonly sent: Sent[] = [];
  readonly waiting = new Set<UpstreamQuery>();
  readonly slot: number;
  readonly text: string;
  readonly transport: 'udp' | 'tcp';
  readonly isPublic = false;
  readonly peer: Int32Array;
  readonly spec: { endpoint: { host: string; port: number } };

  constructor(slot: number, transport: 'udp' | 'tcp' = 'udp') {
    this.slot = slot;
    this.text = `192.0.2.${slot}:53`;
    this.peer = parsePeer(`192.0.2.${slot}`, 53)!;
    this.transport = transport;
    this.spec = { endpoint: { host: `192.0.2.${slot}`, port: 53 } };
  }

  lastErrorOver(): string {
    return '';
  }

  get inFlight(): number {
    return this.waiting.size;
  }

  send(query: UpstreamQuery, overStream = false): void {
    query.exchange = this;
    query.id = this.sent.length;
    this.waiting.add(query);
    this.sent.push({ query, overStream, bytes: query.bytes.slice(0, query.length) });
  }

  cancel(query: UpstreamQuery): void {
    if (query.exchange !== this) return;
    query.exchange = null;
    query.id = -1;
    this.waiting.delete(query);
  }

  async close(): Promise<void> {}

  /**
   * Answers the last query that still waits, with one record of the asked type unless `change` says
   * otherwise.
   */
  reply(change: (message: Uint8Array) => Uint8Array = withRecord): boolean {
    return this.replyTo(this.last(), change);
  }

  /** Answers a query; `change` writes into a copy of it without OPT, with QR set. */
  replyTo(sent: Sent, change: (message: Uint8Array) => Uint8Array = withRecord): boolean {
    const message = sent.bytes.slice(0, sent.query.questionEnd);
    message[2]! |= 0x80;
    message.fill(0, 6, 12);
    const bytes = asWords(change(message));
    this.waiting.delete(sent.query);
    sent.query.exchange = null;
    return sent.query.owner!.onReply(sent.query, bytes, bytes.length);
  }

  /** Answers with an error. */
  refuse(rcode: number): void {
    this.reply((message) => {
      message[3] = rcode;
      return message;
    });
  }

  fail(reason: FailureReason): void {
    const { query } = this.last();
    this.waiting.delete(query);
    query.exchange = null;
    query.owner!.onFailure(query, reason);
  }

  last(): Sent {
    const sent = this.sent.findLast(({ query }) => this.waiting.has(query));
    if (sent === undefined) throw new Error(`${this.text} owes no answer`);
    return sent;
  }
}

/** Keeps what clients are sent. */
export class FakeClient implements ReplySink {
  readonly stream: boolean;
  readonly answers: Uint8Array[] = [];
  readonly #out = WordBytes.ofLength(65_535);

  constructor(stream = false) {
    this.stream = stream;
  }

  reserve(): Uint8Array {
    return this.#out;
  }

  send(length: number): void {
    this.answers.push(this.#out.slice(0, length));
    this.#out.fill(0xee);
  }

  /** RCODEs of the answers so far. */
  get rcodes(): number[] {
    return this.answers.map((answer) => answer[3]! & 0x0f);
  }
}

export interface FixtureOptions {
  readonly maxInFlight?: number;
  readonly zones?: readonly (readonly [suffix: string, upstreams: readonly FakeUpstream[]])[];
  /** How each zone chooses among its upstreams. Default: sequential. */
  readonly policy?: Policy;
  /** What else is set for every zone; for the root only if there is no other. */
  readonly zoneParts?: Pick<ZoneParts, 'nxdomainCut' | 'search' | 'next'>;
  /** Upstreams asked at once. */
  readonly race?: number;
  /** As the policy sequential makes zones; the fixture's own need not be. */
  readonly isRanked?: boolean;
  readonly keys?: LoopKeyMaterial;
  readonly tap?: DnstapTap;
  /** Another worker of the same process. */
  readonly sharesWith?: PipelineFixture;
}

/** No limits of a client, no log, nothing told about this server. */
const SETTINGS: PipelineSettings = {
  times: { deadlineMs: 1800, staleAfterMs: 1500, hedge: true },
  marks: { tag: 'auto', case: true },
  gate: new ClientGate([], [], 0, new ClientRates(createClientRates())),
  perClientWaiting: 0,
  rebindExceptions: null,
  local: { identity: null, records: null, special: null, any: null },
  nsid: null,
  queryLog: null,
  queryFilter: new QueryFilter({ zones: [], clients: [], rcodes: [], slowerThanMs: 0, sample: 1 }),
};

export class PipelineFixture {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock.nowMs);
  readonly state = new SharedUpstreamState();
  readonly counters = new Counters(createCounterBlock());
  readonly keys: LoopKeyMaterial;
  readonly cache = new MessageCache(cacheOptions({}), this.counters);
  readonly sentQuestions: SentQuestions;
  readonly pipeline: Pipeline;
  readonly client = new FakeClient();
  readonly sighted: LoopSighting[] = [];
  readonly suspected: number[] = [];
  /** Routes of questions that came again while they were under way. */
  readonly weaklySuspected: number[] = [];
  readonly stumbles: { slot: number; marks: number; domain: string }[] = [];
  /** In force since route(). */
  zones = NO_ZONES;
  readonly #policy: Policy;
  readonly #isRanked: boolean;
  readonly #race: number;
  readonly #zoneParts: FixtureOptions['zoneParts'];
  readonly #peers = new Int32Array(PEER_WORDS);

  constructor(options: FixtureOptions = {}) {
    const { clock, wheel, counters, cache, state } = this;
    this.#policy = options.policy ?? 'sequential';
    this.#isRanked = options.isRanked ?? false;
    this.#race = options.race ?? 1;
    this.#zoneParts = options.zoneParts;
    this.keys = options.keys ?? options.sharesWith?.keys ?? createKeyMaterial('', 'default');
    this.sentQuestions = new SentQuestions(options.sharesWith?.sentQuestions.buffer);
    const { keys: material, sentQuestions } = this;
    this.pipeline = new Pipeline({
      clock,
      wheel,
      counters,
      cache,
      state,
      detector: new LoopDetector({ material, clock, sentQuestions, maxHops: 8 }),
      reporter: {
        sighted: (sightings) => this.sighted.push(...sightings),
        suspected: (routeSlot, isWeak) => (isWeak ? this.weaklySuspected : this.suspected).push(routeSlot),
        stumbled: (slot, marks, domain) => this.stumbles.push({ slot, marks, domain }),
      },
      maxInFlight: options.maxInFlight ?? 100,
      clientSeed: 1,
      workers: 1,
      tap: options.tap ?? null,
      settings: SETTINGS,
    });
    this.route(options.zones ?? [['.', [new FakeUpstream(1)]]]);
  }

  /** Changes settings; the others are as at the start. */
  configure(changed: Partial<PipelineSettings>): void {
    this.pipeline.configure({ ...SETTINGS, ...changed });
  }

  /** Takes over zones; their partitions are their places in the list unless given. */
  route(zones: NonNullable<FixtureOptions['zones']>): void {
    const { state } = this;
    this.zones = new ZoneTable(
      zones.map(([suffix, upstreams], i) => {
        const slots = upstreams.map((upstream) => upstream.slot);
        const routeSlots = slots.map((slot) => i * 10 + slot);
        const selection = new Selection(this.#policy, slots, routeSlots, state, new RandomPool());
        const all = upstreams as unknown as Upstream[];
        return new Zone({
          suffix,
          wireSuffix: textToName(suffix),
          partition: i + 1,
          upstreams: all,
          routeSlots,
          selection,
          isRanked: this.#isRanked,
          race: this.#race,
          ...(suffix === '.' && zones.length > 1 ? {} : this.#zoneParts),
        });
      }),
    );
    this.pipeline.setZones(this.zones);
  }

  /** A query comes in; `from`: the address of who sends it. */
  ask(bytes: Uint8Array, client: FakeClient = this.client, from = '127.0.0.1'): boolean {
    this.#peers.set(parsePeer(from, 4000)!);
    const slot = asWords(bytes);
    const handled = this.pipeline.handle(slot, bytes.length, client, this.#peers, 0);
    // As the next batch does: what is wanted later must have been copied.
    slot.fill(0xee);
    this.#peers.fill(-1);
    return handled;
  }

  /** Lets time pass, tick by tick. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      this.wheel.advance(this.clock.nowMs);
    }
  }

  /** The thread was stopped for so long. */
  jump(ms: number): void {
    this.clock.advance(ms);
    this.wheel.advance(this.clock.nowMs);
  }
}
