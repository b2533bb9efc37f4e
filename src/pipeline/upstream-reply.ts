// What an upstream's reply says, and what of it clients may get. Used by response-path; changes
// nothing but the reply itself.
import { equalBytes, readUint16 } from '../wire/bytes.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../wire/ede.ts';
import { cutForeignRecords } from '../wire/foreign-records.ts';
import { HEADER_LENGTH, RCODE_MASK, readFlags, writeFlags } from '../wire/header.ts';
import { hideOurLetters, hideOurLettersInText } from '../wire/question-names.ts';
import { type ScannedResponse, stripOpt } from '../wire/response.ts';
import { equalizeTtls } from '../wire/rrset-ttl.ts';
import { LOOP_TEXT } from './loop-guard.ts';
import { Outcome } from './situation.ts';

/** Bytes of an upstream's EDE text that are relayed: a short hint is enough (RFC 8914 §3). */
const MAX_EDE_TEXT = 96;
const MAX_LABEL_LENGTH = 63;

/** What a reply says, apart from TC. */
export function outcomeOf(scanned: ScannedResponse): Outcome {
  switch (scanned.rcode) {
    case Rcode.NOERROR:
      return scanned.hasAskedType || scanned.hasAlias || scanned.truncated
        ? Outcome.answered
        : Outcome.negative;
    case Rcode.NXDOMAIN:
      return scanned.hasAlias ? Outcome.answered : Outcome.negative;
    case Rcode.FORMERR:
    case Rcode.BADVERS:
      return Outcome.rejected;
    case Rcode.NOTIMP:
      return scanned.hasOpt ? refusal(scanned) : Outcome.rejected;
    default:
      return refusal(scanned);
  }
}

/**
 * A server that gives a reason (RFC 8914) does not fail because of an option; and "forwarding loop"
 * is what the tag is for.
 */
function refusal(scanned: ScannedResponse): Outcome {
  return scanned.edeOffset === 0 ? Outcome.refused : Outcome.refusedWithReason;
}

/** Whether a reply is neither an answer nor says that there is none. */
export function isError(outcome: Outcome): boolean {
  return outcome === Outcome.rejected || outcome === Outcome.refused || outcome === Outcome.refusedWithReason;
}

/**
 * Removes from a scanned reply what clients must not get, makes its TTLs equal per RRset, and
 * returns its length without OPT.
 * @param knowsAllRecords all records were scanned
 */
export function trimReply(
  bytes: Uint8Array,
  length: number,
  scanned: ScannedResponse,
  knowsAllRecords: boolean,
): number {
  let end = length;
  if (!scanned.signed) {
    if (knowsAllRecords) end = hideOurLetters(bytes, length, scanned);
    cutForeignRecords(bytes, end, scanned);
    equalizeTtls(bytes, scanned);
  }
  return stripOpt(bytes, end, scanned);
}

/** Makes NODATA of an NXDOMAIN. */
export function sayNodata(bytes: Uint8Array, scanned: ScannedResponse): void {
  writeFlags(bytes, readFlags(bytes) & ~RCODE_MASK);
  scanned.rcode = Rcode.NOERROR;
}

/** An upstream's EDE, as clients get it; NO_EDE: there is none. */
export function edeOf(bytes: Uint8Array, scanned: ScannedResponse): Ede {
  if (scanned.edeOffset === 0) return NO_EDE;
  const textOffset = scanned.edeOffset + 2;
  const textLength = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT);
  // Some texts name the question, in the letter case they got; the end may be cut off within a
  // label.
  const whole = Math.min(scanned.edeLength - 2, MAX_EDE_TEXT + MAX_LABEL_LENGTH);
  if (scanned.questionEnd > HEADER_LENGTH) hideOurLettersInText(bytes, textOffset, textOffset + whole);
  const text = textLength > 0 ? bytes.slice(textOffset, textOffset + textLength) : null;
  return ede(readUint16(bytes, scanned.edeOffset), text);
}

/**
 * Our own words, from an upstream: the loop was cut at another worker or replica, or further up.
 */
export function saysThatWeLoop(bytes: Uint8Array, scanned: ScannedResponse): boolean {
  const { edeOffset, edeLength, rcode } = scanned;
  if (edeOffset === 0 || rcode !== Rcode.SERVFAIL || edeLength < 2 + LOOP_TEXT.length) return false;
  if (readUint16(bytes, edeOffset) !== EdeCode.notReady) return false;
  return equalBytes(bytes, edeOffset + 2, LOOP_TEXT, 0, LOOP_TEXT.length);
}
