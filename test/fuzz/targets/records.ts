// The records of a reply: one walk (scanResponse) and the other (RrCursor) see the same, and ageing
// changes TTLs alone.

import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../../src/wire/response.ts';
import { RrCursor } from '../../../src/wire/rr.ts';
import { ageTtls, capTtls, readTtl, setTtls } from '../../../src/wire/ttl.ts';
import { check, type FuzzTarget } from '../target.ts';

const scanned = new ScannedResponse();
const again = new ScannedResponse();
const cursor = new RrCursor();
const slot = new Uint8Array(4096);

export const records: FuzzTarget = {
  name: 'records',
  maxLength: 1500,
  run(input) {
    const { length } = input;
    const verdict = scanIn(input, 0, scanned);
    check(scanIn(input, 0xc0, again) === verdict, 'the verdict depends on bytes behind the message');
    check(
      scanned.endOffset === again.endOffset && scanned.ttlCount === again.ttlCount,
      'reads behind the message',
    );
    if (verdict === ScanVerdict.malformed) return 0;
    check((input[2]! & 0xf8) === 0x80, 'a query is a reply');
    check(scanned.questionEnd >= 12 && scanned.questionEnd <= scanned.endOffset, 'the question');
    check(scanned.endOffset <= length && scanned.optEnd <= length, 'an offset leaves the message');
    check(
      scanned.edeOffset === 0 || scanned.edeOffset + scanned.edeLength <= scanned.optEnd,
      'the EDE leaves OPT',
    );
    checkCursor(input);
    for (let i = 0; i < scanned.ttlCount; i++) {
      check(scanned.ttlOffsets[i]! + 4 <= length && scanned.ttlOffsets[i]! > 12, 'a TTL leaves the message');
    }
    checkTtls(input);
    checkStripped(input);
    return (
      1 +
      (scanned.rcode & 15) +
      ((scanned.hasOpt ? 1 : 0) << 12) +
      ((scanned.signed ? 1 : 0) << 13) +
      ((scanned.hasAlias ? 1 : 0) << 14) +
      ((scanned.hasAskedType ? 1 : 0) << 15) +
      ((scanned.negativeTtlSeconds >= 0 ? 1 : 0) << 16) +
      (Math.min(scanned.ttlCount, 7) << 17) +
      ((scanned.edeOffset !== 0 ? 1 : 0) << 20)
    );
  },
};

function scanIn(input: Uint8Array, filler: number, into: ScannedResponse): ScanVerdict {
  slot.fill(filler);
  slot.set(input);
  return scanResponse(slot, input.length, into);
}

/** Every TTL that was noted is that of a record that the cursor finds, in order, up to OPT. */
function checkCursor(input: Uint8Array): void {
  const { answerCount, authorityCount, additionalCount } = scanned;
  const count = answerCount + authorityCount + additionalCount;
  cursor.reset(input, input.length, scanned.questionEnd, count);
  let seen = 0;
  let ttls = 0;
  let behindOpt = false;
  while (cursor.next()) {
    seen++;
    if (cursor.type === 41) behindOpt = true;
    else if (!behindOpt) check(scanned.ttlOffsets[ttls++] === cursor.ttlOffset, 'another TTL was noted');
  }
  check(!cursor.failed && seen === count, 'the walks differ');
  check(ttls === scanned.ttlCount && cursor.endOffset === scanned.endOffset, 'the walks end elsewhere');
}

function checkTtls(input: Uint8Array): void {
  const { ttlOffsets, ttlCount } = scanned;
  const aged = input.slice();
  ageTtls(aged, ttlOffsets, 0, ttlCount, 100);
  const capped = input.slice();
  capTtls(capped, ttlOffsets, ttlCount, 5, 600);
  const stale = input.slice();
  setTtls(stale, ttlOffsets, 0, ttlCount, 30);
  const isTtl = new Uint8Array(input.length);
  for (let i = 0; i < ttlCount; i++) {
    const at = ttlOffsets[i]!;
    isTtl.fill(1, at, at + 4);
    const ttl = readTtl(input, at);
    check(readTtl(aged, at) === Math.max(1, ttl - 100), 'a TTL aged wrongly');
    check(readTtl(capped, at) === Math.min(600, Math.max(5, ttl)), 'a TTL was capped wrongly');
    check(readTtl(stale, at) === 30, 'a TTL was not set');
  }
  for (let at = 0; at < input.length; at++) {
    if (isTtl[at] === 1) continue;
    check(
      aged[at] === input[at] && capped[at] === input[at] && stale[at] === input[at],
      'more than TTLs changed',
    );
  }
}

/** Without OPT and what is behind it, the message is as sound as before, and has no OPT. */
function checkStripped(input: Uint8Array): void {
  const { ttlCount, truncated } = scanned;
  const bare = input.slice();
  const length = stripOpt(bare, bare.length, scanned);
  check(length <= input.length, 'stripping made it longer');
  const rcodeInHeader = input[3]! & 0x0f;
  if (scanned.questionEnd === 12 && (rcodeInHeader === 0 || rcodeInHeader === 3)) return;
  check(scanResponse(bare, length, again) === ScanVerdict.ok, 'the stripped message is broken');
  check(
    !again.hasOpt && again.ttlCount === ttlCount && again.truncated === truncated,
    'stripping lost records',
  );
}
