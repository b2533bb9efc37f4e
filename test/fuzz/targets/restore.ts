// One client's answer made of a reply: never longer than he takes, his question, no OPT that he did
// not send, and TC when records that matter are missing. The first four bytes say who the client
// is, the rest is the reply.

import { ede } from '../../../src/wire/ede.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../../src/wire/response.ts';
import { restoreForClient } from '../../../src/wire/restore.ts';
import { check, type FuzzTarget } from '../target.ts';

const scanned = new ScannedResponse();
const again = new ScannedResponse();
const slot = new Uint8Array(4096);
const TEXT = Buffer.from('blocked by upstream');

export const restore: FuzzTarget = {
  name: 'restore',
  maxLength: 1500,
  run(input) {
    if (input.length < 16) return -1;
    const client = input[0]!;
    const reply = input.slice(4);
    if (scanResponse(reply, reply.length, scanned) === ScanVerdict.malformed) return -2;
    // Neither is ever restored for a client: answers.ts gets what has a question, and no more than
    // a slot.
    if (scanned.questionEnd === 12) return -3;
    const { answerCount, authorityCount, rcode } = scanned;
    const bareLength = stripOpt(reply, reply.length, scanned);
    const additionals = scanned.additionalBeforeOpt;
    slot.fill(0xc0);
    slot.set(reply.subarray(0, bareLength));
    // Compressed questions never match what was asked (question-match.ts).
    if (!isUncompressed(slot, scanned.questionEnd)) return -4;
    const qnameLength = scanned.questionEnd - 16;
    const spelt = slot.slice(0, 12 + qnameLength);
    for (let i = 12; i < spelt.length; i++) if (isLetter(spelt[i]!)) spelt[i]! ^= 0x20;
    const hasOpt = (client & 1) !== 0;
    const udpSize = hasOpt ? Math.min(1232, Math.max(512, input[1]! << 4)) : 512;
    const limit = (client & 2) !== 0 ? 4096 : udpSize;
    const q = {
      id: (input[2]! << 8) | input[3]!,
      flags: 0x0100 | (client & 0x30),
      qnameLength,
      hasOpt,
      dnssecOk: (client & 4) !== 0,
    };
    const reason = ede((client & 8) !== 0 ? 22 : -1, TEXT);
    const asker = { question: q, named: spelt, sizeLimit: limit };
    const length = restoreForClient(slot, bareLength, asker, rcode, reason);
    check(length >= 12 && length <= limit, 'the answer is longer than the client takes');
    check(((slot[0]! << 8) | slot[1]!) === q.id && (slot[2]! & 0x80) !== 0, 'the header');
    for (let i = 12; i < spelt.length; i++) check(slot[i] === spelt[i], 'the spelling of QNAME');
    check(scanResponse(slot, length, again) === ScanVerdict.ok, 'the answer is broken');
    check(again.endOffset === length, 'bytes behind the answer');
    check(again.hasOpt === hasOpt, 'OPT, or none');
    if (hasOpt) check(again.rcode === rcode, 'another RCODE');
    const lost = again.answerCount < answerCount || again.authorityCount < authorityCount;
    check(!lost || again.truncated, 'records are missing and TC is not set');
    const lostMore = again.additionalCount < additionals + (hasOpt ? 1 : 0);
    return (
      (again.truncated ? 1 : 0) |
      (lost ? 2 : 0) |
      (lostMore ? 4 : 0) |
      (client & 15 ? (client & 15) << 3 : 0) |
      (Math.min(7, length >> 7) << 7) |
      ((again.edeOffset !== 0 ? 1 : 0) << 10)
    );
  },
};

function isUncompressed(bytes: Uint8Array, questionEnd: number): boolean {
  let at = 12;
  while (bytes[at] !== 0 && bytes[at]! < 64) at += bytes[at]! + 1;
  return bytes[at] === 0 && at + 5 === questionEnd;
}

function isLetter(byte: number): boolean {
  const folded = byte | 0x20;
  return folded >= 0x61 && folded <= 0x7a;
}
