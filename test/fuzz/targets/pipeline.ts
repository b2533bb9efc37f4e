// The whole way, on time moved by hand: a client's message, then what the upstream says to it, then
// another client who asks. Nobody gets more than he takes, or another's answer; a reply is never
// answered; names do not mix. The input: two bytes of length, the client's message, the upstream's
// reply (how it is matched up: the byte between).
import { compareQuestions, QuestionMatch } from '../../../src/upstream/question-match.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../../src/wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../../../src/wire/response.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from '../../pipeline/pipeline-fixture.ts';
import { check, type FuzzTarget } from '../target.ts';

const q = new ParsedQuery();
const answerRead = new ScannedResponse();
/** A name that no input contains, asked after each one. */
const INNOCENT = Buffer.from(
  '0001010000010000000000000c696e6e6f63656e742d666f6f0b756e6d656e74696f6e65640000010001',
  'hex',
);
let upstream = new FakeUpstream(1);
let fixture = new PipelineFixture({ zones: [['.', [upstream]]] });
let runs = 0;

export const pipeline: FuzzTarget = {
  name: 'pipeline',
  maxLength: 2200,
  run(input) {
    if (input.length < 15) return -1;
    // What upstreams taught is forgotten from time to time.
    if (++runs % 2000 === 0) {
      upstream = new FakeUpstream(1);
      fixture = new PipelineFixture({ zones: [['.', [upstream]]] });
    }
    const messageLength = Math.min(((input[0]! << 8) | input[1]!) % 600, input.length - 3);
    const message = new Uint8Array(4096);
    message.set(input.subarray(3, 3 + messageLength));
    const reply = input.subarray(3 + messageLength);
    const how = input[2]!;
    const verdict = parseQuery(message, messageLength, q);
    const limit = (how & 1) !== 0 ? 65_535 : Math.min(1232, q.udpSize);
    const client = new FakeClient((how & 1) !== 0);

    const sentBefore = upstream.sent.length;
    const promised = ask(message.subarray(0, messageLength), client);
    if (verdict === QueryVerdict.response || verdict === QueryVerdict.tooShort) {
      check(!promised && client.answers.length === 0, 'a reply was answered');
      check(upstream.sent.length === sentBefore, 'a reply was forwarded');
      return verdict;
    }
    check(promised, 'a query gets no answer');
    const forwarded = upstream.sent.length > sentBefore;
    if (forwarded) {
      check(verdict === QueryVerdict.ok, 'what is no query was forwarded');
      answer(reply, how);
    }
    // Whatever the upstream did or did not do: an answer within the deadline.
    if (client.answers.length === 0) fixture.pass(1820);
    check(client.answers.length === 1, `${client.answers.length} answers`);
    const given = client.answers[0]!;
    checkAnswer(given, message, limit, (how & 1) !== 0);
    const bystander = checkInnocent(how);
    forgetWaiting();
    upstream.sent.length = 0;
    fixture.cache.flush();
    return (
      (verdict & 15) |
      (forwarded ? 16 : 0) |
      ((given[3]! & 15) << 5) |
      (bystander << 9) |
      (q.opaque ? 1024 : 0)
    );
  },
};

function ask(bytes: Uint8Array, client: FakeClient): boolean {
  const slot = new Uint8Array(4096);
  slot.set(bytes);
  return fixture.pipeline.handle(slot, bytes.length, client, PEER, 0);
}
const PEER = new Int32Array(12);
PEER[0] = (4 << 16) | 4000;

/**
 * The upstream says `reply` to everything that it is asked, under the right question if `how` has
 * it so.
 */
function answer(reply: Uint8Array, how: number): void {
  for (let round = 0; round < 14 && upstream.waiting.size > 0; round++) {
    const { query, bytes, overStream } = upstream.last();
    const { questionEnd } = query;
    let given = Uint8Array.from(reply);
    if ((how & 2) === 0) {
      given = new Uint8Array(Math.max(questionEnd, reply.length));
      given.set(reply);
      // QR, one question, as it was sent; the rest is the input's.
      given.set(bytes.subarray(12, questionEnd), 12);
      given.set([0, 1], 4);
      given[2] = (given[2]! & 0x07) | 0x80;
    }
    if (isBelieved(given, bytes, questionEnd, query.matchCase && !overStream, overStream)) {
      if (!upstream.reply(() => given)) return;
    } else if (overStream) {
      return;
    } else {
      query.owner!.onSuspicious?.(query);
    }
  }
}

/**
 * What the exchanges let through (question-match.ts; stream-connection.ts for what holds on streams
 * alone).
 */
function isBelieved(
  given: Uint8Array,
  sent: Uint8Array,
  questionEnd: number,
  matchCase: boolean,
  overStream: boolean,
): boolean {
  if (given.length < 12 || (given[2]! & 0xf8) !== 0x80) return false;
  switch (compareQuestions(sent, 12, questionEnd - 12, given, given.length)) {
    case QuestionMatch.exact:
      return true;
    case QuestionMatch.caseDiffers:
      return !matchCase;
    case QuestionMatch.absent:
      return overStream && (given[3]! & 15) !== 0;
    default:
      return false;
  }
}

function checkAnswer(given: Uint8Array, message: Uint8Array, limit: number, stream: boolean): void {
  check(given.length >= 12 && given.length <= limit, 'the answer is longer than the client takes');
  check(given[0] === message[0] && given[1] === message[1], 'another ID');
  check((given[2]! & 0x80) !== 0, 'the answer is no reply');
  check(
    parseQuery(given, given.length, new ParsedQuery()) === QueryVerdict.response,
    'the answer would be answered',
  );
  if (q.opaque) return;
  // NOTIMP repeats an OPCODE that scanResponse() does not take.
  if ((message[2]! & 0x78) !== 0) return;
  check(scanResponse(given, given.length, answerRead) === ScanVerdict.ok, 'the answer is broken');
  check(answerRead.hasOpt === q.hasOpt, 'OPT, or none');
  if (q.questionEnd !== 0) {
    check(answerRead.questionEnd === q.questionEnd, 'another question');
    for (let i = 12; i < q.questionEnd; i++)
      check(given[i] === message[i], "the question is not the client's");
  }
  check(!stream || !answerRead.truncated || given.length < 65_535, 'TC on a stream');
}

/** Another name must not be known from what the upstream said of the first. */
function checkInnocent(how: number): number {
  if ((how & 4) === 0) return 0;
  const client = new FakeClient();
  const before = upstream.sent.length;
  check(ask(INNOCENT, client), 'no answer for another name');
  check(upstream.sent.length > before || client.answers.length > 0, 'another name is stuck');
  if (client.answers.length > 0) {
    const { 3: flags, 7: answers } = client.answers[0]! as unknown as { 3: number; 7: number };
    check((flags & 15) !== 0 && answers === 0, 'another name was answered without being asked for');
  }
  return 1;
}

/** Flights left over (refreshes, the innocent name) end. */
function forgetWaiting(): void {
  if (upstream.waiting.size > 0) fixture.pass(5000);
}
