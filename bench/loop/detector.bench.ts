// What loop evidence costs per query: not looked for, looked for in vain, found; and put on what
// goes out. Run with `npx vitest bench --run bench/loop`.
import { bench, describe } from 'vitest';
import { Clock } from '../../src/base/clock.ts';
import { LoopDetector, LoopFinding, LoopVerdict } from '../../src/loop/detector.ts';
import { createKeyMaterial } from '../../src/loop/keys.ts';
import { makeProbeName, PROBE_QTYPE } from '../../src/loop/probe.ts';
import { SentNote, SentQuestions } from '../../src/loop/sent-questions.ts';
import { OptionCode, Type } from '../../src/wire/codes.ts';
import { type Incoming, nameOf, query, recase, tagOption } from '../../test/loop/incoming.ts';

const QNAME = 'kubernetes.default.svc.cluster.local';
const ROUTE = 3;
const clock = new Clock();
const detector = new LoopDetector({
  material: createKeyMaterial('', 'default'),
  clock,
  sentQuestions: new SentQuestions(),
  maxHops: 8,
});

const plain = query(QNAME);
const cookie = query(QNAME, Type.A, [{ code: OptionCode.cookie, data: new Uint8Array(8) }]);
const mixedCase = query(recase(nameOf(plain), (letter) => letter % 3 === 0));
const out = plain.bytes.slice();
const note = new SentNote();
detector.markSent(out, plain.q, ROUTE, true, note);
const sentName = out.slice(12, 12 + plain.q.qnameLength);
const returnedTag = query(sentName, Type.A, [tagOption(detector.tagFor(ROUTE, 0))]);
const returnedCase = query(sentName);
const returnedProbe = query(
  makeProbeName(detector.keys, ROUTE, Uint8Array.of(0), 1, clock.nowMs)!,
  PROBE_QTYPE,
);

const finding = new LoopFinding();
const BATCH = 1000;
/** Takes the results, so that no work can be left out. */
const sink = { sum: 0 };

/** A batch of checks with one verdict, so that a broken fixture shows. */
function checks({ bytes, q }: Incoming, verdict: LoopVerdict): () => void {
  if (detector.check(bytes, q, finding) !== verdict)
    throw new Error('the query is not judged as the bench means');
  return () => {
    for (let i = 0; i < BATCH; i++) sink.sum += detector.check(bytes, q, finding);
  };
}

describe(`1000 queries for ${QNAME}`, () => {
  bench('no check at all', () => {
    for (let i = 0; i < BATCH; i++) sink.sum += plain.q.qtype;
  });
  bench('check: neither options nor upper case', checks(plain, LoopVerdict.pass));
  bench('check: a cookie', checks(cookie, LoopVerdict.pass));
  bench('check: mixed case of a client’s own', checks(mixedCase, LoopVerdict.pass));
  bench('check: our own tag came back', checks(returnedTag, LoopVerdict.loop));
  bench('check: our own case came back', checks(returnedCase, LoopVerdict.suspect));
  bench('check: our own probe came back', checks(returnedProbe, LoopVerdict.loop));
  bench('send: case pattern and note', () => {
    for (let i = 0; i < BATCH; i++) detector.markSent(out, plain.q, ROUTE, true, note);
  });
  bench('send: tag', () => {
    for (let i = 0; i < BATCH; i++) sink.sum += detector.tagFor(ROUTE, 0).length;
  });
});
