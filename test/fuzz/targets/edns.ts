// EDNS options: found inside OPT or not at all, and what is written is what is read. The input's
// first bytes say what to write, the rest is somebody's options.
import { appendEde, appendOption, findOption, optionLengthAt, writeOpt } from '../../../src/wire/edns.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../../src/wire/query.ts';
import { check, type FuzzTarget } from '../target.ts';

const q = new ParsedQuery();
const out = new Uint8Array(4096);

export const edns: FuzzTarget = {
  name: 'edns',
  maxLength: 600,
  run(input) {
    if (input.length < 4) return -1;
    const code = (input[0]! << 8) | input[1]!;
    const options = input.subarray(4);
    const found = findOption(input, 4, options.length, code);
    if (found >= 0) {
      check(found >= 8 && found + optionLengthAt(input, found) <= input.length, 'an option leaves OPT');
      check(((input[found - 4]! << 8) | input[found - 3]!) === code, 'another option was found');
    }
    check(found === findPlainly(options, code), 'the option found is not the first');
    checkWritten(code, input[2]!, options);
    return (found < 0 ? 0 : 1 + Math.min(7, found >> 4)) | (input[3]! & 1 ? 16 : 0);
  },
};

function findPlainly(options: Uint8Array, code: number): number {
  for (let at = 0; at + 4 <= options.length; ) {
    const length = (options[at + 2]! << 8) | options[at + 3]!;
    if (at + 4 + length > options.length) return -1;
    if (((options[at]! << 8) | options[at + 1]!) === code) return at + 8;
    at += 4 + length;
  }
  return -1;
}

/** A query with OPT, the option and an EDE, read by parseQuery(). */
function checkWritten(code: number, udpSize: number, data: Uint8Array): void {
  const dnssecOk = (udpSize & 1) !== 0;
  out.fill(0, 0, 12);
  // RD, one question: the root, A, IN.
  out.set([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1], 2);
  const end = writeOpt(out, 17, udpSize * 256, 0, dnssecOk);
  let length = appendOption(out, 17, end, code, data);
  length = appendEde(out, 17, length, 22, data.subarray(0, 20));
  check(parseQuery(out, length, q) === QueryVerdict.ok, 'what was written is no query');
  check(q.dnssecOk === dnssecOk && q.udpSize === Math.max(512, udpSize * 256), 'OPT says something else');
  check(q.optionsOffset + q.optionsLength === length, 'the options end somewhere else');
  const at = findOption(out, q.optionsOffset, q.optionsLength, code);
  check(at === 17 + 11 + 4, 'the option written is not found');
  if (code === 15) return;
  check(optionLengthAt(out, at) === data.length, 'the option has another length');
  const ede = findOption(out, q.optionsOffset, q.optionsLength, 15);
  check(ede > 0 && optionLengthAt(out, ede) === 2 + Math.min(20, data.length), 'the EDE is not found');
}
