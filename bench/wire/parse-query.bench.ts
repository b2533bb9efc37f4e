// The cost of the byte walks per packet. Run with `npx vitest bench --run bench/wire`.
import { bench, describe } from 'vitest';
import { writeUpstreamQuery } from '../../src/wire/build-query.ts';
import { NO_EDE } from '../../src/wire/ede.ts';
import { writeOpt } from '../../src/wire/edns.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { writeErrorReply } from '../../src/wire/reply.ts';
import { ScannedResponse, scanResponse } from '../../src/wire/response.ts';
import { restoreForClient } from '../../src/wire/restore.ts';
import { ageTtls } from '../../src/wire/ttl.ts';
import { asWords } from '../../test/kit/as-words.ts';
import { bytesOf, header, opt, QNAME_POINTER, question, record } from '../../test/wire/build-message.ts';

const QNAME = 'kubernetes.default.svc.cluster.local';
/** As a socket's slot has it: by words. */
const inSlot = (message: Uint8Array): Uint8Array =>
  asWords(bytesOf(message, new Uint8Array(4096 - message.length)));

const plainMessage = bytesOf(header(0x0100, 1, 0, 0, 0), question(QNAME));
const ednsMessage = bytesOf(header(0x0100, 1, 0, 0, 1), question(QNAME), opt(1232));
const replyMessage = bytesOf(
  header(0x8180, 1, 4, 0, 1),
  question(QNAME),
  ...Array.from({ length: 4 }, (_, i) => record(QNAME_POINTER, 1, 60 + i, bytesOf('0a000001'))),
  opt(1232),
);
const plain = inSlot(plainMessage);
const edns = inSlot(ednsMessage);
const reply = inSlot(replyMessage);
const out = asWords(new Uint8Array(4096));
const q = new ParsedQuery();
const r = new ScannedResponse();
parseQuery(edns, ednsMessage.length, q);
const known = new ParsedQuery();
parseQuery(edns, ednsMessage.length, known);
const client = { question: known, named: edns, sizeLimit: 1232 };

// Each iteration is a batch: tinybench's own cost per iteration would hide a walk of 60 ns.
const BATCH = 1000;
function batch(work: () => unknown): () => void {
  return () => {
    for (let i = 0; i < BATCH; i++) work();
  };
}

describe(`per ${BATCH} packets`, () => {
  bench(
    'parseQuery, plain',
    batch(() => parseQuery(plain, plainMessage.length, q)),
  );
  bench(
    'parseQuery, OPT',
    batch(() => parseQuery(edns, ednsMessage.length, q)),
  );
  bench(
    'scanResponse, 4 records and OPT',
    batch(() => scanResponse(reply, replyMessage.length, r)),
  );
  bench(
    'writeErrorReply',
    batch(() => writeErrorReply(edns, known, out, 2, NO_EDE)),
  );
  bench(
    'writeUpstreamQuery and OPT',
    batch(() => writeOpt(out, writeUpstreamQuery(out, edns, known), 1232, 0, false)),
  );
  bench(
    'cached answer: copy, age, restore',
    batch(() => {
      out.set(reply.subarray(0, r.optOffset));
      ageTtls(out, r.ttlOffsets, 0, r.ttlCount, 1);
      restoreForClient(out, r.optOffset, client, 0, NO_EDE);
    }),
  );
});
