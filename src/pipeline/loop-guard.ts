// What happens when one of our own queries comes back (loop/detector.ts notices): it is answered at
// once, and the query in flight that caused it is sent another way. The guard tells the main
// thread, which decides about the route. Called by query-path for every query, and by coalescer and
// response-path where they see signs of a loop.
import type { Clock } from '../base/clock.ts';
import type { TimerWheel, WheelTimer } from '../base/timer-wheel.ts';
import { formatPeer, hashAddress, isLoopbackPeer, sameAddress } from '../io/peer.ts';
import { type LoopDetector, LoopFinding, LoopVerdict } from '../loop/detector.ts';
import { type DoubtOwner, Doubts } from '../loop/doubts.ts';
import { NO_ROUTE, SEVERAL_ROUTES } from '../loop/sent-questions.ts';
import {
  type LoopSighting,
  RepetitionDetector,
  SightingLog,
  Suspicion,
  SuspicionGate,
} from '../loop/sightings.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { type Ede, ede } from '../wire/ede.ts';
import type { Answers } from './answers.ts';
import type { ClientQuery } from './client-query.ts';
import type { ForwardPath } from './forward-path.ts';
import type { Attempt } from './pending/attempt.ts';
import { type Flight, FlightState } from './pending/flight.ts';
import { NO_ZONES, type Zone, type ZoneTable } from './zone.ts';

/** Reports to the main thread: a handful of calls, however many packets. */
export interface LoopReporter {
  /** Queries that came back since the last call. */
  sighted(sightings: readonly LoopSighting[]): void;
  /**
   * A route that a probe should check; −1: all of them. `isWeak`: only if few such probes were sent
   * recently.
   */
  suspected(routeSlot: number, isWeak: boolean): void;
}

/** What the guard works with. */
export interface LoopGuardParts {
  readonly detector: LoopDetector;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  readonly state: SharedUpstreamState;
  readonly answers: Answers;
  readonly forward: ForwardPath;
  readonly reporter: LoopReporter;
}

const encoder = new TextEncoder();
/** The start of each of our EDE texts about a loop (zone.ts writes the others). */
export const LOOP_TEXT = encoder.encode('forwarding loop: ');
const UNKNOWN_ROUTE = loopEde('forwarding loop: a query of this group came back');
const TOO_MANY_HOPS = loopEde('forwarding loop: too many hops');

function loopEde(text: string): Ede {
  return ede(EdeCode.notReady, encoder.encode(text));
}

/**
 * When the last sightings of a storm are reported: the guard waits 250 ms for a returned probe
 * (loop/probe-runs.ts).
 */
const REPORT_MS = 50;

export class LoopGuard implements WheelTimer, DoubtOwner {
  dueMs = 0;
  previousTimer: WheelTimer | null = null;
  nextTimer: WheelTimer | null = null;
  /** Swapped as a whole when routing changes; set before the first query. */
  zones: ZoneTable = NO_ZONES;
  readonly detector: LoopDetector;
  /** What check() found out about its query. */
  readonly finding = new LoopFinding();
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #counters: Counters;
  readonly #state: SharedUpstreamState;
  readonly #answers: Answers;
  readonly #forward: ForwardPath;
  readonly #reporter: LoopReporter;
  readonly #sightings = new SightingLog();
  readonly #suspicions = new SuspicionGate();
  readonly #repetitions = new RepetitionDetector();
  readonly #doubts: Doubts;

  constructor({ detector, clock, wheel, counters, state, answers, forward, reporter }: LoopGuardParts) {
    this.detector = detector;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#counters = counters;
    this.#state = state;
    this.#answers = answers;
    this.#forward = forward;
    this.#reporter = reporter;
    this.#doubts = new Doubts(clock, wheel, detector.sent, this);
  }

  /** Checks a query; true: it was one of ours that came back, and has been answered. */
  check(query: ClientQuery): boolean {
    const verdict = this.detector.check(query.message, query.parsed, this.finding);
    if (verdict === LoopVerdict.pass) return false;
    if (verdict === LoopVerdict.suspect) {
      this.#suspect(this.finding.routeSlot, Suspicion.caseLetters);
      return false;
    }
    this.#shed(query, verdict);
    return true;
  }

  /**
   * Answered before anything else is done, so that the loop unwinds within a round trip. Never
   * cached, never coalesced.
   */
  #shed(query: ClientQuery, verdict: LoopVerdict): void {
    const { evidence, routeSlot, certain, probeNonce, wantsProof } = this.finding;
    const route = routeSlot < 0 ? undefined : this.zones.routes.get(routeSlot);
    let reason = route?.loopEde ?? UNKNOWN_ROUTE;
    if (verdict === LoopVerdict.tooManyHops) reason = TOO_MANY_HOPS;
    if (wantsProof) this.#answers.probeProof(query, this.detector.keys);
    else this.#answers.error(query, Rcode.SERVFAIL, reason);
    this.#counters.increment(Counter.loopShed);
    if (route !== undefined) {
      this.#counters.loopDetected(routeSlot, evidence);
      if (certain) {
        const flight = this.#forward.table.find(query, route.zone);
        if (flight !== null) this.#forward.leaveRoute(flight, routeSlot);
      }
    }
    const nowMs = this.#clock.nowMs;
    if (this.#sightings.note(routeSlot, evidence, certain, probeNonce, nowMs)) {
      this.#sightings.notePeer(formatPeer(query.peers, query.peerOffset));
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

  /**
   * A query that cannot carry our marks came again, byte by byte the same, while it is in flight: a
   * retransmission, or a loop.
   */
  onRepeated(): void {
    this.#suspect(-1, Suspicion.repetition);
  }

  /**
   * A query asks what is already in flight: an impatient client, or that very query come back
   * without any marks. Each such query is suspect, and more so if it comes from an upstream that
   * was asked, or if it comes again and again.
   */
  onJoined(flight: Flight, query: ClientQuery): void {
    const zone = flight.zone!;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt === null) continue;
      if (!flight.askedAgain) this.#doubt(zone, attempt.upstreamIndex, attempt.sent.slot, attempt.sent.mark);
      this.#suspectSender(zone, attempt.upstreamIndex, query);
    }
    flight.askedAgain = true;
    const addressHash = hashAddress(query.peers, query.peerOffset);
    if (!this.#repetitions.observe(flight.keyHash, addressHash, this.#clock.nowMs)) return;
    for (let i = 0; i < flight.attemptCount; i++) {
      const attempt = flight.attempts[i]!;
      if (attempt !== null) this.#suspect(zone.routeSlots[attempt.upstreamIndex]!, Suspicion.repetition);
    }
  }

  /**
   * A flight's first message has been sent. Another worker may already have sent the question, or
   * this one with other flags (CD, DO): then it is suspect like one that joins a flight. Noting the
   * message as sent has shown that, without extra cost.
   * @param query the client's query, if the message left while it was handled
   */
  afterSending(flight: Flight, query: ClientQuery | null): void {
    const first = flight.attempts[0] ?? null;
    if (first === null) return;
    const zone = flight.zone!;
    const { earlierRoute, earlierSlot, mark } = first.sent;
    if (earlierRoute === NO_ROUTE) return;
    if (earlierRoute === SEVERAL_ROUTES) {
      for (const routeSlot of zone.routeSlots) this.#suspect(routeSlot, Suspicion.askedAgain);
      return;
    }
    const index = zone.routeSlots.indexOf(earlierRoute);
    if (index < 0) return;
    this.#doubt(zone, index, earlierSlot, mark);
    if (query !== null) this.#suspectSender(zone, index, query);
  }

  /** A reply to an attempt has come, whatever it contains. */
  onReply(attempt: Attempt): void {
    const { slot, mark } = attempt.sent;
    if (slot >= 0) this.detector.sent.setAnswered(slot, mark);
  }

  /**
   * A question that is in flight by zone.upstreams[index] has come again: sends a probe if one may
   * be sent, and checks again in a moment.
   */
  #doubt(zone: Zone, index: number, sentSlot: number, sentMark: number): void {
    const routeSlot = zone.routeSlots[index]!;
    this.#suspect(routeSlot, Suspicion.askedAgain);
    this.#doubts.add({ sentSlot, sentMark, routeSlot, upstreamSlot: zone.upstreams[index]!.slot });
  }

  /**
   * The upstream asks what it is being asked. On loopback an address proves nothing: clients on
   * this host have the same one.
   */
  #suspectSender(zone: Zone, index: number, { peers, peerOffset }: ClientQuery): void {
    const { peer } = zone.upstreams[index]!;
    if (!peer || !sameAddress(peer, 0, peers, peerOffset) || isLoopbackPeer(peers, peerOffset)) return;
    this.#suspect(zone.routeSlots[index]!, Suspicion.upstreamAsks);
  }

  answers(upstreamSlot: number): number {
    return this.#state.answers(upstreamSlot);
  }

  onSilence(routeSlot: number): void {
    this.#suspect(routeSlot, Suspicion.unanswered);
  }

  /** An upstream answered that our query came back to it. */
  onToldOfLoop(routeSlot: number): void {
    this.#suspect(routeSlot, Suspicion.upstreamSaysSo);
  }

  #suspect(routeSlot: number, reason: Suspicion): void {
    this.#counters.increment(Counter.loopSuspicions);
    if (this.#suspicions.suspect(routeSlot, reason, this.#clock.nowMs)) {
      this.#reporter.suspected(routeSlot, reason === Suspicion.askedAgain);
    }
  }

  /**
   * The main thread has taken a route out of use: everything in flight by it is sent another way.
   */
  leaveRoute(routeSlot: number): void {
    for (const flight of this.#forward.table.flightsBy(routeSlot)) {
      // An earlier one may have ended this one to get its room.
      if (flight.state === FlightState.active) this.#forward.leaveRoute(flight, routeSlot);
    }
  }
}
