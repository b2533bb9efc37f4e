// What happens when a query of ours comes back (loop/detector.ts notices): it is answered at once, and the query in flight
// that it is the echo of goes another way. The main thread hears of it and decides about the route. Called by query-path for
// every query.
import type { Clock } from '../base/clock.ts';
import type { TimerWheel, WheelTimer } from '../base/timer-wheel.ts';
import { formatPeer, hashAddress, sameAddress } from '../io/peer.ts';
import { type LoopDetector, LoopVerdict } from '../loop/detector.ts';
import {
  type LoopSighting,
  RepetitionDetector,
  SightingLog,
  Suspicion,
  SuspicionGate,
} from '../loop/sightings.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import type { ParsedQuery } from '../wire/query.ts';
import type { Answers } from './answers.ts';
import type { ClientPath } from './client-path.ts';
import type { Flight } from './flight.ts';
import type { ForwardPath } from './forward-path.ts';
import { NO_ZONES, type ZoneTable } from './zone.ts';

/** The main thread's ear: a handful of calls, however many packets. */
export interface LoopReporter {
  /** Queries that came back since the last call. */
  sighted(sightings: readonly LoopSighting[]): void;
  /** A route that a probe should clear; −1: all of them. */
  suspected(routeSlot: number): void;
}

const encoder = new TextEncoder();
/** How every EDE text of ours about a loop begins (zone.ts writes the others). */
export const LOOP_TEXT = encoder.encode('forwarding loop: ');
const UNKNOWN_ROUTE_TEXT = encoder.encode('forwarding loop: a query of this group came back');
const TOO_MANY_HOPS_TEXT = encoder.encode('forwarding loop: too many hops');

/** When the last sightings of a storm are reported: a returned probe is awaited for 250 ms (loop/probe-runs.ts). */
const REPORT_MS = 50;

export class LoopGuard implements WheelTimer {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  /** Swapped as a whole when routing changes; set before the first query. */
  zones: ZoneTable = NO_ZONES;
  readonly detector: LoopDetector;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #counters: Counters;
  readonly #answers: Answers;
  readonly #forward: ForwardPath;
  readonly #reporter: LoopReporter;
  readonly #sightings = new SightingLog();
  readonly #suspicions = new SuspicionGate();
  readonly #repetitions = new RepetitionDetector();

  constructor(
    detector: LoopDetector,
    clock: Clock,
    wheel: TimerWheel,
    counters: Counters,
    answers: Answers,
    forward: ForwardPath,
    reporter: LoopReporter,
  ) {
    this.detector = detector;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#counters = counters;
    this.#answers = answers;
    this.#forward = forward;
    this.#reporter = reporter;
  }

  /** Looks at a query; true: it was a returned one and has been answered. */
  check(bytes: Uint8Array, q: ParsedQuery, path: ClientPath, peers: Int32Array, peerOffset: number): boolean {
    const verdict = this.detector.check(bytes, q);
    if (verdict === LoopVerdict.pass) return false;
    const { routeSlot } = this.detector;
    if (verdict === LoopVerdict.suspect) {
      this.#suspect(routeSlot, Suspicion.caseLetters);
      return false;
    }
    this.#shed(verdict, bytes, q, path, peers, peerOffset);
    return true;
  }

  /** Answered before anything else is done, so that the loop unwinds within a round trip. Never cached, never coalesced. */
  #shed(
    verdict: LoopVerdict,
    bytes: Uint8Array,
    q: ParsedQuery,
    path: ClientPath,
    peers: Int32Array,
    peerOffset: number,
  ): void {
    const { evidence, routeSlot, certain, probeNonce } = this.detector;
    const route = routeSlot < 0 ? undefined : this.zones.routes.get(routeSlot);
    let text: Uint8Array = route?.loopText ?? UNKNOWN_ROUTE_TEXT;
    if (verdict === LoopVerdict.tooManyHops) text = TOO_MANY_HOPS_TEXT;
    if (this.detector.wantsProof) {
      this.#answers.probeProof(bytes, q, this.detector.keys, path, peers, peerOffset);
    } else {
      this.#answers.error(bytes, q, path, peers, peerOffset, Rcode.SERVFAIL, EdeCode.notReady, text);
    }
    this.#counters.increment(Counter.loopShed);
    if (route !== undefined) {
      this.#counters.loopDetected(routeSlot, evidence);
      if (certain) {
        const flight = this.#forward.table.find(bytes, q, route.zone);
        if (flight !== null) this.#forward.leaveRoute(flight, routeSlot);
      }
    }
    const nowMs = this.#clock.nowMs;
    if (this.#sightings.note(routeSlot, evidence, certain, probeNonce, nowMs)) {
      this.#sightings.notePeer(formatPeer(peers, peerOffset));
      this.#reporter.sighted(this.#sightings.drain(nowMs));
    } else if (this.nextTimer === null) {
      this.#wheel.arm(this, nowMs + REPORT_MS);
    }
  }

  /** Reports what a storm left unreported when it ended. */
  onTimer(nowMs: number): void {
    if (this.#sightings.isDue(nowMs)) this.#reporter.sighted(this.#sightings.drain(nowMs));
    else if (this.#sightings.isPending) this.#wheel.arm(this, nowMs + REPORT_MS);
  }

  /** A query that cannot carry our marks came again, octet by octet, while it is in flight: a retransmission, or a loop. */
  onRepeated(): void {
    this.#suspect(-1, Suspicion.repetition);
  }

  /**
   * A query asks what is in flight already: a client in a hurry, or that very query come back with all marks lost. It is suspect when
   * an upstream that was asked sends it, or when it comes again and again; a probe tells.
   */
  onJoined(flight: Flight, peers: Int32Array, peerOffset: number): void {
    const zone = flight.zone!;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      const peer = zone.upstreams[attempt.upstreamIndex]!.peer;
      if (!peer || !sameAddress(peer, 0, peers, peerOffset)) continue;
      this.#suspect(zone.routeSlots[attempt.upstreamIndex]!, Suspicion.upstreamAsks);
      return;
    }
    const addressHash = hashAddress(peers, peerOffset);
    if (!this.#repetitions.observe(flight.keyHash, addressHash, this.#clock.nowMs)) return;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt !== null) this.#suspect(zone.routeSlots[attempt.upstreamIndex]!, Suspicion.repetition);
    }
  }

  /** An upstream answered that the query came back to whoever it asked. */
  onToldOfLoop(routeSlot: number): void {
    this.#suspect(routeSlot, Suspicion.upstreamSaysSo);
  }

  #suspect(routeSlot: number, reason: Suspicion): void {
    this.#counters.increment(Counter.loopSuspicions);
    if (this.#suspicions.suspect(routeSlot, reason, this.#clock.nowMs)) {
      this.#reporter.suspected(routeSlot);
    }
  }

  /** The main thread has taken a route out of use: all that is in flight by it goes another way. */
  leaveRoute(routeSlot: number): void {
    for (const flight of this.#forward.table.flightsBy(routeSlot)) {
      // One before may have ended this one, to have its room.
      if (flight.joinable) this.#forward.leaveRoute(flight, routeSlot);
    }
  }
}
