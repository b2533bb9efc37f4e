// Whether error replies are worth a template: written field by field (src/wire/reply.ts), or copied
// from one made before and patched. `npx vitest bench --run bench/wire/reply-template.bench.ts`.
import { bench, describe } from 'vitest';
import { copyBytes } from '../../src/base/word-bytes.ts';
import { writeUint16 } from '../../src/wire/bytes.ts';
import { NO_EDE } from '../../src/wire/ede.ts';
import { HEADER_LENGTH } from '../../src/wire/header.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { writeErrorReply } from '../../src/wire/reply.ts';
import { bytesOf, header, opt, question } from '../../test/wire/build-message.ts';

const SERVFAIL = 2;
const BATCH = 1000;
const message = bytesOf(
  header(0x0100, 1, 0, 0, 1),
  question('kubernetes.default.svc.cluster.local'),
  opt(1232),
);
const query = bytesOf(message, new Uint8Array(4096 - message.length));
const q = new ParsedQuery();
parseQuery(query, message.length, q);
const out = new Uint8Array(4096);
const written = writeErrorReply(query, q, out, SERVFAIL, NO_EDE);

/** The reply without its question: header before, OPT after. */
const head = out.slice(0, HEADER_LENGTH);
const questionLength = q.qnameLength + 4;
const tail = out.slice(HEADER_LENGTH + questionLength, written);

/** RD and CD are the client's, the rest of the header the template's. */
function copyTemplate(): number {
  copyBytes(head, 0, out, 0, HEADER_LENGTH);
  out[0] = query[0]!;
  out[1] = query[1]!;
  out[2] = (out[2]! & 0xfe) | (query[2]! & 0x01);
  out[3] = (out[3]! & 0xef) | (query[3]! & 0x10);
  copyBytes(query, HEADER_LENGTH, out, HEADER_LENGTH, questionLength);
  copyBytes(tail, 0, out, HEADER_LENGTH + questionLength, tail.length);
  return HEADER_LENGTH + questionLength + tail.length;
}
writeUint16(out, 0, 0xffff);
if (copyTemplate() !== written || out[0] !== query[0]) throw new Error('the template is not the reply');

/** Takes the results, so that no work can be left out. */
const sink = { sum: 0 };

describe(`${BATCH} SERVFAIL replies with OPT`, () => {
  bench('field by field', () => {
    for (let i = 0; i < BATCH; i++) sink.sum += writeErrorReply(query, q, out, SERVFAIL, NO_EDE);
  });
  bench('from a template', () => {
    for (let i = 0; i < BATCH; i++) sink.sum += copyTemplate();
  });
});
