// The retry policy: what is done next about a flight (docs/adr/0005-forwarding-manners.md). Pure:
// facts in (Situation), the next step out (Step); no clock, no state, no I/O. Every row of it is
// tested in test/pipeline/retry-policy.test.ts.
//
//   answered, negative ──▶ accept             (a doubtful negative answer is checked first)
//   negative, forward.next ▶ another upstream until all have said so
//   TC ──────────────────▶ same upstream, over TCP
//   an error ────────────▶ same upstream with fewer marks, else another upstream
//   mismatched replies ──▶ same upstream, over TCP
//   slow ────────────────▶ another upstream too, if it is known to answer (hedges.ts)
//   racing ──────────────▶ another upstream too, unless it is down
//   no connection ───────▶ same upstream over UDP, if TCP was to replace it, else another
//   silence ─────────────▶ another upstream; when all were asked, again: other marks, then TCP
//   nothing left ────────▶ await what is outstanding, else fail
import { ALL_MARKS, Mark, withoutMarks } from '../upstream/marks.ts';
import { Action, Outcome, type ServerFacts, type Situation, type Step } from './situation.ts';

/** How long to wait for a message that has not been sent yet, ms. */
const ROOM_PATIENCE_MS = 100;

/** What stepDown() returns when no message with fewer marks is worth sending. */
export const NO_STEP = -1;

/** Decides the next step. */
export function decide(s: Situation, step: Step): void {
  switch (s.outcome) {
    case Outcome.answered:
      step.action = Action.accept;
      return;
    case Outcome.negative:
      if (sendWithFewerMarks(s, step)) return;
      if (!s.mayKnowMore) step.action = Action.accept;
      else if (isBesideAnother(s)) sendUnlessAwaited(s, step);
      else sendAnother(s, step);
      return;
    case Outcome.truncated:
      afterTruncation(s, step);
      return;
    case Outcome.rejected:
    case Outcome.refused:
    case Outcome.refusedWithReason:
      afterError(s, step);
      return;
    case Outcome.malformed:
      // The query also waits for a better reply; a second bad one changes nothing.
      if (s.wasMissed || s.overStream || !sendWithFewerMarks(s, step)) step.action = Action.keep;
      return;
    case Outcome.mismatched:
      afterMismatch(s, step);
      return;
    case Outcome.failed:
    case Outcome.noRoom:
      afterFailure(s, step);
      return;
    case Outcome.slow:
      hedge(s, step);
      return;
    case Outcome.racing:
      race(s, step);
      return;
    case Outcome.routeLeft:
      if (s.outstanding > 0) step.action = Action.keep;
      else sendAnother(s, step);
      return;
    default:
      sendAnother(s, step);
  }
}

/**
 * Whether a message may leave once more because its connection was lost (RFC 7766 §6.2.4): it
 * counts as one more. The last one is kept for an upstream that was not asked, or for UDP if TCP
 * was tried in its place.
 */
export function mayRepeat(messagesLeft: number, hasUntried: boolean, replacesUdp: boolean): boolean {
  return messagesLeft > (hasUntried || replacesUdp ? 1 : 0);
}

/** The last message is kept for the time when both are silent. */
function hedge(s: Situation, step: Step): void {
  step.action = Action.keep;
  if (!s.mayAsk || s.messagesLeft === 1 || !s.isWaitedFor || !s.isUntriedUp) return;
  step.send(s.untried, ALL_MARKS, false);
  step.isHedge = true;
}

/** Another upstream in the race: one that may answer. */
function race(s: Situation, step: Step): void {
  step.action = Action.keep;
  if (!s.mayAsk || !s.isWaitedFor || s.untried < 0 || s.isUntriedDown) return;
  step.send(s.untried, ALL_MARKS, false);
  step.isHedge = true;
}

/** TC (RFC 2181 §9): the whole answer is available over TCP only. */
function afterTruncation(s: Situation, step: Step): void {
  const { server } = s;
  if (s.isTrialAlongside) sendUnlessAwaited(s, step);
  else if (s.overStream && s.isOpaque) step.action = Action.accept;
  else if (s.overStream) sendAnother(s, step);
  else if (server.owesOverStream) step.action = Action.keep;
  else if (server.wasAskedOverTcp || !s.mayAsk) sendAnother(s, step);
  else step.send(server.index, s.marks, true);
}

/** FORMERR, SERVFAIL, REFUSED and the like. */
function afterError(s: Situation, step: Step): void {
  if (isBesideAnother(s)) {
    sendUnlessAwaited(s, step);
  } else if (s.carriesTags && s.mayAsk) {
    // Perhaps it rejected tags that the first client sent: that is no answer to the question.
    step.send(s.server.index, s.marks, s.overStream);
    step.withoutTags = true;
  } else if (!sendWithFewerMarks(s, step)) {
    // A signed reply is relayed unchanged, whatever it says (RFC 5625 §4.5).
    if (s.isOpaque) step.action = Action.accept;
    else sendAnother(s, step);
  }
}

/**
 * Somebody guesses, or the server changes the case of QNAME. Over TCP nobody can guess, so the
 * question is asked there (RFC 5452 §9).
 */
function afterMismatch(s: Situation, step: Step): void {
  const isDone = s.streamRefused || s.server.wasAskedOverTcp || !s.mayAsk;
  if (s.overStream || s.isTrialAlongside || isDone) step.action = Action.keep;
  else step.send(s.server.index, s.marks, true);
}

/** The transport gave up. */
function afterFailure(s: Situation, step: Step): void {
  const { server, marks } = s;
  const replacedUdp = s.overStream && server.isUdp && !s.isOpaque && !s.sawTruncation;
  if (isBesideAnother(s)) {
    sendUnlessAwaited(s, step);
  } else if (!replacedUdp || s.streamRefused || !s.isWaitedFor || !s.mayAsk) {
    sendAnother(s, step);
  } else {
    // TCP was to replace datagrams that were lost or not believed, and it does not answer either.
    step.send(server.index, marks, false);
    step.givesUpTcp = true;
    // A server that lower-cases all letters repeats this exactly; ID and port are new.
    const fewer = server.isMiscased ? stepDown(marks, Outcome.mismatched, 0, false) : NO_STEP;
    if (fewer !== NO_STEP) leaveOff(step, fewer, Outcome.mismatched, marks);
  }
}

/** One message to the same upstream with fewer marks, if that may help; false: it is not sent. */
function sendWithFewerMarks(s: Situation, step: Step): boolean {
  const { server, outcome, marks } = s;
  if (s.isOpaque || s.isTrialAlongside || !s.mayAsk || server.isLooping) return false;
  const hasOther = s.untried >= 0 && !s.isUntriedDown;
  // The last message is kept for an upstream that was not asked: this one may be broken.
  if (hasOther && s.messagesLeft === 1 && outcome !== Outcome.negative) return false;
  let fewer = stepDown(marks, outcome, server.provenMarks, server.knowsEdns);
  if (fewer === NO_STEP) return false;
  if (outcome === Outcome.rejected) {
    // With another upstream to ask there is one step only, the one that always helps.
    if (hasOther) fewer = withoutMarks(fewer, Mark.edns);
  } else if (!s.mayCheck) {
    // What is usually a correct answer is checked only so often.
    return false;
  }
  step.send(server.index, fewer, s.overStream);
  step.isCheck = outcome !== Outcome.rejected;
  leaveOff(step, fewer, outcome, marks);
  return true;
}

/** The message is sent with fewer marks because of the outcome of one with more. */
function leaveOff(step: Step, fewer: number, cause: Outcome, marksBefore: number): void {
  step.marks = fewer;
  step.leftOff = marksBefore & ~fewer;
  step.cause = cause;
  step.marksBefore = marksBefore;
}

/**
 * The marks of the next message to the same upstream after an outcome, or NO_STEP. One step at a
 * time, and only marks that the server was not seen to accept
 * (docs/adr/0017-what-may-be-learnt-from-what.md).
 * @param proven marks that the server was seen to accept for this domain
 * @param knowsEdns the server has answered a question with EDNS, for any name
 */
export function stepDown(marks: number, outcome: Outcome, proven: number, knowsEdns: boolean): number {
  const unproven = marks & ~proven;
  switch (outcome) {
    case Outcome.rejected:
      // These codes are about the message itself, so they count whatever the server accepted
      // before.
      if ((marks & Mark.options) !== 0) return withoutMarks(marks, Mark.options);
      return (marks & Mark.edns) === 0 ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.refused:
      // A server that compares names case-sensitively finds no zone for them: the letters go along
      // with the first step, as there is at most one more.
      if ((unproven & Mark.options) !== 0) return withoutMarks(marks, Mark.options | (unproven & Mark.case));
      if ((unproven & Mark.case) !== 0) return withoutMarks(marks, Mark.case);
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.negative:
      if ((unproven & Mark.case) !== 0) return withoutMarks(marks, Mark.case);
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    case Outcome.mismatched:
      return (marks & Mark.case) === 0 ? NO_STEP : withoutMarks(marks, Mark.case);
    case Outcome.malformed:
      return (unproven & Mark.edns) === 0 || knowsEdns ? NO_STEP : withoutMarks(marks, Mark.edns);
    default:
      return NO_STEP;
  }
}

/**
 * Whether the message was only sent beside another one, a trial or a hedge that is not the last one
 * awaited: that it failed decides nothing.
 */
function isBesideAnother(s: Situation): boolean {
  return s.isTrialAlongside || (s.isHedge && s.outstanding > 0);
}

/** Sends another message unless others are awaited: how a trial ended says nothing about them. */
function sendUnlessAwaited(s: Situation, step: Step): void {
  if (s.outstanding > 0) step.action = Action.keep;
  else sendAnother(s, step);
}

/** A message to an upstream that was not asked, or, after silence, to one that was. */
function sendAnother(s: Situation, step: Step): void {
  if (s.mayAsk && s.isWaitedFor) {
    if (s.sawSilence && isWaitWorthwhile(s, step)) return;
    if (s.untried >= 0) {
      step.send(s.untried, ALL_MARKS, s.isLong);
      return;
    }
    if (s.sawSilence && s.again.index >= 0) {
      if (s.isOpaque) step.send(s.again.index, ALL_MARKS, s.isLong);
      else sendAgain(s, step);
      step.beginsRound = true;
      return;
    }
  }
  if (s.outstanding > 0) {
    // What is awaited beside a hedge has not been silent for its time yet.
    step.action = s.wasHedged && !s.sawSilence && s.mayAsk ? Action.keep : Action.awaitReplies;
    return;
  }
  step.action = s.lacksRoom && s.mayAsk ? Action.makeRoom : Action.fail;
}

/** Whether the next message is delayed. */
function isWaitWorthwhile(s: Situation, step: Step): boolean {
  if (s.untried < 0 && s.isLastUnsent) {
    step.untilMs = s.nowMs + ROOM_PATIENCE_MS;
  } else if (s.nowMs < s.lastMessageMs && mayOutliveOutage(s)) {
    step.untilMs = s.lastMessageMs;
  } else {
    return false;
  }
  step.action = Action.waitUntil;
  return true;
}

/**
 * Whether the last message is worth delaying: all upstreams are silent to everybody, and this
 * message is to outlive the outage.
 */
function mayOutliveOutage(s: Situation): boolean {
  if (s.messagesLeft !== 1 || s.outstanding === 0) return false;
  // An upstream that was not tried and is not known to be silent is asked at once.
  if (s.isUntriedUp) return false;
  // Each of these shows that it is no outage: the path or the marks of our messages are at fault.
  return !s.sawMismatch && !s.othersAnswered && !s.answersPlain;
}

/** A silent upstream once more: with the marks it is known to accept, and finally over TCP. */
function sendAgain(s: Situation, step: Step): void {
  const { again } = s;
  const { index, lastMarks } = again;
  if (again.hasRejected) {
    // It answers, but not what it was sent: without any OPT, which every server accepts.
    step.send(index, Mark.case, false);
    if (lastMarks >= 0) becauseOf(step, Outcome.rejected, lastMarks);
    return;
  }
  if (wantsTcp(s, again)) {
    step.send(index, ALL_MARKS, true);
    return;
  }
  let marks: number = again.marksAfterSilence;
  // If it was silent with EDNS and not without, it is not asked with EDNS twice.
  if (again.isUdp && again.lastCause === Outcome.silent && again.answersPlain) marks &= Mark.case;
  // Over a stream silence says nothing about EDNS, and an encrypted query without OPT could not be
  // padded (RFC 8467).
  if (!again.isUdp) marks = again.provenMarks | Mark.options | Mark.edns;
  if (again.isMiscased) {
    step.send(index, marks & ~Mark.case, false);
    becauseOf(step, Outcome.mismatched, Mark.case);
    return;
  }
  step.send(index, marks, false);
  if (lastMarks >= 0) becauseOf(step, Outcome.silent, lastMarks);
}

function becauseOf(step: Step, cause: Outcome, marksBefore: number): void {
  step.cause = cause;
  step.marksBefore = marksBefore;
}

/**
 * Whether UDP is not good enough: twice it brought no answer, or an invalid one. Over TCP nothing
 * is lost, forged or too long.
 */
function wantsTcp(s: Situation, again: ServerFacts): boolean {
  if (s.streamRefused || again.wasAskedOverTcp) return false;
  return (s.messagesLeft === 1 && !again.answersPlain) || again.hasMismatch;
}
