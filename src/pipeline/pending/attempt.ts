// One message to one upstream, on behalf of a flight. Pooled; its memory is used again.
import { WordBytes } from '../../base/word-bytes.ts';
import { MAX_FILLER_LENGTH, MAX_FORWARDED_TAGS, TAG_LENGTH } from '../../loop/detector.ts';
import { SentNote } from '../../loop/sent-questions.ts';
import { UpstreamQuery } from '../../upstream/exchange.ts';
import { Outcome } from '../situation.ts';
import { QUERY_BYTES } from './question.ts';

/** A query, our OPT, our tag and the forwarded ones, each with its option header. */
const ATTEMPT_BYTES = QUERY_BYTES + 11 + (MAX_FORWARDED_TAGS + 1) * (TAG_LENGTH + 4) + MAX_FILLER_LENGTH;

/** `F` is Flight: flight.ts imports this file, so that this one cannot import it. */
export class Attempt<F = unknown> extends UpstreamQuery {
  /** Memory for its message: question, OPT and tag. */
  readonly buffer = WordBytes.ofLength(ATTEMPT_BYTES);
  /** Null in the pool. */
  flight: F | null = null;
  /** Its number in the flight's timeline. */
  number = 0;
  /** What it carries (upstream/marks.ts). */
  marks = 0;
  /** The key for what is learned about its upstream and its domain (upstream/domain-lessons.ts). */
  lessonKey = 0;
  overStream = false;
  /** It carries tags of earlier hops: a failure may be about those. */
  carriesTags = false;
  /** Where it is noted as sent; nowhere when it is opaque. */
  readonly sent = new SentNote();
  /** The outcome of the previous message to the same upstream, if that is why this one is sent. */
  cause: Outcome = Outcome.none;
  /** The marks of that previous message. */
  marksBefore = 0;
  /**
   * SharedUpstreamState.answers() of its upstream when it was sent: shows whether others were
   * answered since.
   */
  answersBefore = 0;
  /** It timed out and was counted; a late reply is still accepted. */
  timedOut = false;
  /**
   * Slot of the upstream if it was down when it was asked: this is one of its trials
   * (upstream/trials.ts); else −1.
   */
  trialSlot = -1;
  /** The client whose allowance of trials it uses (client-hash.ts). */
  trialClient = 0;
  /**
   * Sent along with another attempt, to see whether the upstream is back: its failure changes
   * nothing for the flight.
   */
  isTrialAlongside = false;
  /** Sent because another attempt is slow. */
  isHedge = false;
  /** It took longer than is usual, and was counted as slow. */
  isSlow = false;
  /** The next free one in the pool. */
  nextFree: Attempt<F> | null = null;

  /**
   * Takes a new message: sent at `nowMs` to flight.zone.upstreams[index], after a message with
   * `cause`.
   */
  begin(flight: F, index: number, nowMs: number, cause: Outcome, marksBefore: number): void {
    this.flight = flight;
    this.upstreamIndex = index;
    this.sentAtMs = nowMs;
    this.cause = cause;
    this.marksBefore = marksBefore;
    this.timedOut = false;
    this.missed = false;
    this.miscased = false;
    this.late = false;
    this.isTrialAlongside = false;
    this.isHedge = false;
    this.isSlow = false;
    this.trialSlot = -1;
  }
}
