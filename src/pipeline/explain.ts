// Explains one query (`unloop query`, POST /explain): sends it through this thread's pipeline as a
// client's, and says what each step knew and did. A dry run asks no upstream. Once per request of
// an operator: it may allocate.
import type { Clock } from '../base/clock.ts';
import { WordBytes } from '../base/word-bytes.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import { parsePeer } from '../io/peer.ts';
import { Mark, type Mark as MarkBit } from '../upstream/marks.ts';
import { type SharedUpstreamState, UpstreamState } from '../upstream/shared-state.ts';
import { writeQuestion } from '../wire/build-query.ts';
import { Class, rcodeName, typeName } from '../wire/codes.ts';
import { SERVER_UDP_SIZE, writeOpt } from '../wire/edns.ts';
import { FLAG_RD, HEADER_LENGTH } from '../wire/header.ts';
import { parseQuery } from '../wire/query.ts';
import { nameToText, textToName } from '../wire/text.ts';
import { CacheState } from './answer-record.ts';
import { type EdeText, edesOf, isTruncated, recordsOf } from './answer-text.ts';
import type { Answers } from './answers.ts';
import { type AttemptLine, attemptLines, causesOf, hasAnswered } from './attempt-text.ts';
import { ClientQuery } from './client-query.ts';
import type { Timeline } from './pending/timeline.ts';
import type { QueryPath } from './query-path.ts';
import type { ReplySink } from './reply-sink.ts';
import type { Zone } from './zone.ts';

/** Room for any question, and any answer over UDP. */
const MESSAGE_BYTES = 65_535;

/** A server that takes so long for an answer is slow. */
const SLOW_ATTEMPT_MS = 1000;

/** What is to be explained. */
export interface ExplainQuestion {
  readonly name: string;
  readonly qtype: number;
  /** The client's address. */
  readonly client: string;
  /** Asks no upstream. */
  readonly dryRun: boolean;
}

/** One query, explained: as `POST /explain` answers it. */
export interface Explanation {
  readonly name: string;
  readonly type: string;
  /** `pod`: `namespace/pod`, added by the main thread where pods are watched. */
  readonly client: { readonly address: string; readonly allowed: boolean; readonly pod?: string };
  readonly zone: string;
  /** It is answered without cache and upstreams: a local record or a special-use name. */
  readonly local: boolean;
  readonly cache: {
    readonly state: 'fresh' | 'stale' | 'negative' | 'cut' | 'failure' | 'none';
    /** Of a cut: the name that does not exist, and so nothing below it (RFC 8020). */
    readonly below?: string;
    readonly ttlSeconds: number;
    /** ISO 8601, wall clock. */
    readonly storedAt: string | null;
    readonly upstream: string | null;
  };
  readonly upstreams: readonly UpstreamChoice[];
  readonly sent: { readonly tags: readonly string[]; readonly edns: string } | null;
  readonly attempts: readonly AttemptLine[];
  /** '' for none. */
  readonly loop: string;
  readonly reply: ExplainedReply | null;
  readonly summary: string;
}

/** One upstream of the zone, and why it was taken or not. */
export interface UpstreamChoice {
  readonly upstream: string;
  readonly transport: string;
  readonly condition: 'up' | 'suspect' | 'down' | 'looping';
  readonly taken: boolean;
  readonly reason: string;
}

export interface ExplainedReply {
  readonly rcode: string;
  readonly ede: readonly EdeText[];
  readonly bytes: number;
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly records: readonly string[];
}

/** What the way in knew when the answer left. */
interface Outcome {
  readonly reply: ExplainedReply;
  readonly cache: CacheState;
  readonly attempts: readonly AttemptLine[];
  readonly sent: Explanation['sent'];
  readonly choices: readonly UpstreamChoice[] | null;
  readonly upstream: string | null;
}

export interface ExplainerParts {
  readonly clock: Clock;
  readonly cache: MessageCache;
  readonly state: SharedUpstreamState;
  readonly path: QueryPath;
  readonly answers: Answers;
}

export class Explainer {
  readonly #clock: Clock;
  readonly #cache: MessageCache;
  readonly #state: SharedUpstreamState;
  readonly #path: QueryPath;
  readonly #answers: Answers;

  constructor({ clock, cache, state, path, answers }: ExplainerParts) {
    this.#clock = clock;
    this.#cache = cache;
    this.#state = state;
    this.#path = path;
    this.#answers = answers;
  }

  /** Resolves when the answer is there, by the deadline of queries. */
  async explain({ name, qtype, client, dryRun }: ExplainQuestion): Promise<Explanation> {
    const query = new ClientQuery();
    const message = WordBytes.ofLength(MESSAGE_BYTES);
    const bare = writeQuestion(message, textToName(name), qtype, Class.IN, FLAG_RD);
    const length = writeOpt(message, bare, SERVER_UDP_SIZE, 0, false);
    parseQuery(message, length, query.parsed);
    const sink = new OneAnswer();
    query.take(message, length, sink, parsePeer(client, 0)!, 0);
    const zone = this.#path.zones.find(query);
    const cache = this.#describeCache(query, zone);
    const allowed = this.#path.gate.serves(client);
    const local = this.#path.local.wouldAnswer(query, zone);
    const outcome = dryRun ? null : await this.#run(query, sink);
    // What has expired is refreshed.
    const wouldAsk = dryRun && !local && (cache.state === 'none' || cache.state === 'stale');
    const upstreams = outcome?.choices ?? this.#choices(zone, null, wouldAsk);
    const loop = this.#loopOf(zone, outcome);
    return {
      name: nameToText(message, HEADER_LENGTH, length),
      type: typeName(qtype),
      client: { address: client, allowed },
      zone: zone.suffix,
      local,
      cache,
      upstreams,
      sent: outcome?.sent ?? null,
      attempts: outcome?.attempts ?? [],
      loop,
      reply: outcome?.reply ?? null,
      summary: summarize({ dryRun, allowed, local, cache, upstreams, loop, outcome }),
    };
  }

  #describeCache(query: ClientQuery, zone: Zone): Explanation['cache'] {
    const { nowMs } = this.#clock;
    const { message, parsed } = query;
    const peeked = this.#cache.peek(message, parsed, zone.partition, nowMs);
    const isAnswer = peeked.state === 'fresh' || peeked.state === 'negative';
    const cut = isAnswer || !zone.nxdomainCut ? null : this.#cache.peekCut(message, parsed, zone, nowMs);
    const { state, ttlSeconds, storedAtMs, answererSlot } = cut ?? peeked;
    const source = zone.upstreams.find(({ slot }) => slot === answererSlot);
    return {
      state,
      ttlSeconds,
      storedAt: state === 'none' ? null : new Date(Date.now() - (nowMs - storedAtMs)).toISOString(),
      upstream: source?.text ?? null,
      ...(cut === null ? {} : { below: nameToText(message, cut.nameOffset) }),
    };
  }

  /** Null: it was dropped, or its client is not to hear anything. */
  #run(query: ClientQuery, sink: OneAnswer): Promise<Outcome | null> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      sink.onSend = (answer) => {
        // Called where the answer leaves: what is wrong here must not end the worker.
        try {
          resolve(this.#outcomeOf(answer, performance.now() - startMs));
        } catch (error) {
          reject(error);
        }
      };
      if (!this.#path.handle(query)) resolve(null);
      this.#path.endBatch(this.#clock.nowMs);
    });
  }

  /** While the answer leaves: its record is valid. */
  #outcomeOf(answer: Uint8Array, durationMs: number): Outcome {
    const { record } = this.#answers;
    const { flight } = record;
    const timeline = flight?.timeline ?? null;
    return {
      reply: {
        rcode: rcodeName(record.rcode),
        ede: edesOf(answer, answer.length),
        bytes: answer.length,
        truncated: isTruncated(answer),
        durationMs: Math.round(durationMs * 100) / 100,
        records: recordsOf(answer, answer.length),
      },
      cache: record.cache,
      attempts: flight === null ? [] : attemptLines(flight, this.#clock.nowMs),
      sent: timeline === null || timeline.count === 0 ? null : describeMarks(timeline.marksOf(0)),
      choices: flight === null ? null : this.#choices(flight.zone!, timeline, false),
      upstream: record.upstream?.text ?? null,
    };
  }

  #choices(zone: Zone, timeline: Timeline | null, wouldAsk: boolean): UpstreamChoice[] {
    const first = wouldAsk ? zone.selection.pick(0) : -1;
    return zone.upstreams.map((upstream, index) => {
      const condition = this.#conditionOf(zone, index);
      const taken = index === first || isAsked(timeline, index);
      return {
        upstream: upstream.text,
        transport: upstream.transport,
        condition,
        taken,
        reason: reasonFor(condition, {
          isFirst: index === first,
          isAsked: isAsked(timeline, index),
          hasAnswered: timeline !== null && hasAnswered(timeline, index),
          causes: timeline === null ? '' : causesOf(timeline, index, upstream),
          isSkipped: timeline !== null || wouldAsk,
        }),
      };
    });
  }

  #conditionOf(zone: Zone, index: number): UpstreamChoice['condition'] {
    if (this.#state.isQuarantined(zone.routeSlots[index]!)) return 'looping';
    const state = this.#state.stateOf(zone.upstreams[index]!.slot);
    if (state === UpstreamState.down) return 'down';
    return state === UpstreamState.suspect ? 'suspect' : 'up';
  }

  #loopOf(zone: Zone, outcome: Outcome | null): string {
    const told = outcome?.reply.ede.find(({ text }) => text.startsWith('forwarding loop'));
    if (told !== undefined) return told.text;
    const index = zone.upstreams.findIndex((_, i) => this.#state.isQuarantined(zone.routeSlots[i]!));
    return index < 0 ? '' : new TextDecoder().decode(zone.loopTexts[index]);
  }
}

/** Takes the one answer. */
class OneAnswer implements ReplySink {
  readonly stream = false;
  onSend: (answer: Uint8Array) => void = () => {};
  readonly #memory = WordBytes.ofLength(MESSAGE_BYTES);

  reserve(): Uint8Array {
    return this.#memory;
  }

  send(length: number): void {
    this.onSend(this.#memory.slice(0, length));
  }
}

function isAsked(timeline: Timeline | null, index: number): boolean {
  for (let i = 0; timeline !== null && i < timeline.count; i++)
    if (timeline.upstreamOf(i) === index) return true;
  return false;
}

/** What decides on the reason of a choice. */
interface ChoiceFacts {
  readonly isFirst: boolean;
  readonly isAsked: boolean;
  /** One of its messages brought an answer. */
  readonly hasAnswered: boolean;
  readonly causes: string;
  /** Another one was asked, or would be. */
  readonly isSkipped: boolean;
}

function reasonFor(condition: UpstreamChoice['condition'], facts: ChoiceFacts): string {
  if (facts.hasAnswered) return 'asked: it answered';
  if (facts.isAsked) return `asked: ${facts.causes}`;
  if (facts.isFirst) return 'would be asked first, by the policy of its zone';
  if (condition === 'looping') return 'skipped: queries through it come back';
  if (condition === 'down') return 'skipped: it is down';
  if (condition === 'suspect') return 'skipped: it is suspect, and asked only when no other is left';
  return facts.isSkipped ? 'not needed: another one comes first' : 'not needed: no server is asked';
}

function describeMarks(marks: number): NonNullable<Explanation['sent']> {
  const has = (mark: MarkBit) => (marks & mark) !== 0;
  const tags = [
    ...(has(Mark.options) ? ['loop tag'] : []),
    ...(has(Mark.case) ? ['letter case (0x20)'] : []),
  ];
  return { tags, edns: has(Mark.edns) ? `EDNS 0, ${SERVER_UDP_SIZE} bytes` : 'no EDNS' };
}

/** What decides on the summary. */
interface SummaryFacts extends Pick<Explanation, 'local' | 'cache' | 'upstreams' | 'loop'> {
  readonly dryRun: boolean;
  readonly allowed: boolean;
  readonly outcome: Outcome | null;
}

/** One line: what happened and, if bad, what cures it. */
function summarize(facts: SummaryFacts): string {
  const { dryRun, allowed, local, cache, upstreams, loop, outcome } = facts;
  if (!allowed) return 'The client is not served: see limits.allow and limits.deny.';
  if (outcome === null) {
    if (!dryRun) return 'The query was dropped: see unloop_dropped_total in /metrics.';
    if (local) return 'It would be answered here: it is a local record or a special-use name.';
    if (cache.state === 'fresh' || cache.state === 'negative') return 'The cache would answer.';
    if (cache.state === 'cut') return `The cache would answer NXDOMAIN: ${cache.below} does not exist.`;
    if (cache.state === 'failure')
      return 'The cache knows that the servers failed a moment ago: it would say so.';
    const first = upstreams.find(({ taken }) => taken);
    return first === undefined ? 'No server would be asked.' : `${first.upstream} would be asked first.`;
  }
  const { reply, upstream } = outcome;
  const took = `${reply.rcode} in ${reply.durationMs} ms`;
  if (outcome.cache === CacheState.stale)
    return `${took}, with expired data: the servers did not answer in time.`;
  if (outcome.cache === CacheState.cut) return `${took}, from the cache: below NXDOMAIN of ${cache.below}`;
  if (outcome.cache === CacheState.fresh) return `${took}, from the cache.`;
  if (upstream !== null) return `${took}, from ${upstream}${slowness(upstream, outcome.attempts)}.`;
  if (local) return `${took}, answered here.`;
  if (loop !== '') return `${took}: ${loop}. \`unloop status\` says what cures it.`;
  if (outcome.cache === CacheState.failure)
    return `${took}, from the cache: ${whyOf(reply, [])}. It is asked again when that expires.`;
  if (outcome.attempts.length === 0) return `${took}, answered here.`;
  return `${took}: ${whyOf(reply, upstreams)}. Look at these servers, and the way to them.`;
}

/** The first reason in words, or what each server did. */
function whyOf({ ede, rcode }: ExplainedReply, upstreams: readonly UpstreamChoice[]): string {
  const told = ede.find(({ text }) => text !== '')?.text;
  if (told !== undefined) return told;
  const asked = upstreams.filter(({ taken }) => taken);
  if (asked.length === 0) return `the servers failed (${rcode})`;
  return asked.map(({ upstream, reason }) => `${upstream}: ${reason.replace('asked: ', '')}`).join('; ');
}

/** Of the server that gave the answer; '' if it did so soon. */
function slowness(upstream: string, attempts: readonly AttemptLine[]): string {
  const answered = attempts.find((one) => one.upstream === upstream && one.outcome === 'answered');
  if (answered === undefined || answered.durationMs < SLOW_ATTEMPT_MS) return '';
  return `, which is slow: it took ${answered.durationMs} ms`;
}
