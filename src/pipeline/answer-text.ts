// What an answer that we are about to send says, read back from its bytes: for the explanation of
// one query and the rings of slow and failed ones. Not for the hot path.
import { readUint16 } from '../wire/bytes.ts';
import { Rcode, typeName } from '../wire/codes.ts';
import { describeMessage } from '../wire/describe.ts';
import { OPT_LENGTH, OPTION_HEADER_LENGTH } from '../wire/edns.ts';
import { FLAG_TC, HEADER_LENGTH, readAnswerCount, readFlags, readQuestionCount } from '../wire/header.ts';
import { skipName } from '../wire/name.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../wire/response.ts';
import { nameToText } from '../wire/text.ts';
import { type AnswerRecord, CacheState } from './answer-record.ts';

const EDE_OPTION = 15;
const MAX_TEXT_BYTES = 65_535;
const SECTION = ';; ';

/** An Extended DNS Error, as people see it. */
export interface EdeText {
  readonly code: number;
  readonly text: string;
}

/** The question as text; null: the answer has none. */
export function questionOf(answer: Uint8Array, length: number): { name: string; type: string } | null {
  const nameEnd = skipName(answer, length, HEADER_LENGTH);
  if (nameEnd < 0 || nameEnd + 4 > length || readQuestionCount(answer) !== 1) return null;
  return { name: nameToText(answer, HEADER_LENGTH, length), type: typeName(readUint16(answer, nameEnd)) };
}

/**
 * Its Extended DNS Errors.
 * @param maxTextBytes of each text; the rest is left out
 */
export function edesOf(answer: Uint8Array, length: number, maxTextBytes = MAX_TEXT_BYTES): EdeText[] {
  const scanned = new ScannedResponse();
  if (scanResponse(answer, length, scanned) === ScanVerdict.malformed || !scanned.hasOpt) return [];
  const found: EdeText[] = [];
  for (let at = scanned.optOffset + OPT_LENGTH; at + OPTION_HEADER_LENGTH <= scanned.optEnd; ) {
    const size = readUint16(answer, at + 2);
    const data = at + OPTION_HEADER_LENGTH;
    if (readUint16(answer, at) === EDE_OPTION && size >= 2) {
      const textEnd = Math.min(data + size, data + 2 + maxTextBytes);
      // As of a stream: a character that is cut in two is left out.
      const text = new TextDecoder().decode(answer.subarray(data + 2, textEnd), {
        stream: textEnd < data + size,
      });
      found.push({ code: readUint16(answer, data), text });
    }
    at = data + size;
  }
  return found;
}

/** The records of its answer section, one a line. */
export function recordsOf(answer: Uint8Array, length: number): string[] {
  const lines = describeMessage(answer, length).split('\n');
  const start = lines.indexOf(`${SECTION}answer`);
  if (start < 0) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith(SECTION));
  return end < 0 ? rest : rest.slice(0, end);
}

export function isTruncated(answer: Uint8Array): boolean {
  return (readFlags(answer) & FLAG_TC) !== 0;
}

/** Where its data comes from: fresh, negative, cut, stale, failure; none: an upstream. */
export function cacheStateName({ cache, rcode }: AnswerRecord, answer: Uint8Array): string {
  switch (cache) {
    case CacheState.fresh:
      return rcode === Rcode.NXDOMAIN || readAnswerCount(answer) === 0 ? 'negative' : 'fresh';
    case CacheState.stale:
      return 'stale';
    case CacheState.failure:
      return 'failure';
    case CacheState.cut:
      return 'cut';
    default:
      return 'none';
  }
}
