// RFC 8906: answers that servers owe. Every case of §8 (header bits, opcodes, EDNS), as that
// section tells what to expect of a server that recurses; and what the key of a cache must tell
// apart.
import type { Answer, Question } from '../kit/dns-client.ts';
import { bytesOf, option, QNAME_POINTER, record } from '../wire/build-message.ts';
import {
  BADVERS,
  ednsOf,
  FLAG,
  flagged,
  hasZ,
  mustAnswer,
  mustBe,
  NOTIMP,
  withEdns,
  withOpcode,
} from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, reply, soa, text } from './stage.ts';

const UNKNOWN_OPTION = { code: 100, data: new Uint8Array(0) };
const UNKNOWN_FLAG = 0x0040;

/** A case of §8: a query for an SOA, and what is expected of its answer. */
function testing(
  section: string,
  name: string,
  query: (question: Question) => Question | Buffer,
  expected: (answer: Answer) => void,
  only?: 'UDP' | 'TCP',
): Requirement {
  return {
    section: `RFC 8906 §${section}`,
    text: name,
    ...(only === undefined ? {} : { only }),
    async check(trial) {
      // The upstream sets the reserved bit, and has an unknown option: neither is for clients.
      const domain = trial.domain((received) =>
        reply(received, {
          flags: FLAG.Z,
          answers: [soa(300, 300)],
          options: option(UNKNOWN_OPTION.code, bytesOf('00')),
        }),
      );
      const asked = query({ name: domain.name, type: 'SOA' });
      // Fresh and, where it is kept, from the cache.
      for (let i = 0; i < 2; i++) expected(await trial.ask(asked));
    },
  };
}

function mustBeBadVersion(answer: Answer): void {
  mustBe(answer, BADVERS);
  must(ednsOf(answer)?.version === 0, 'another version');
  must(answer.answers.length === 0, 'records');
}

function mustNotEcho(answer: Answer): void {
  must(answer.opt?.options.every(({ code }) => code !== UNKNOWN_OPTION.code) === true, 'option echoed');
}

function mustClearFlags(answer: Answer): void {
  must(((ednsOf(answer)?.flags ?? 0) & 0x7fff) === 0, 'flags echoed');
}

export const RFC_8906: readonly Requirement[] = [
  testing('8.1.1', 'a plain query, without EDNS', (question) => ({ ...question, edns: false }), mustAnswer),
  {
    section: 'RFC 8906 §8.1.2',
    text: 'an unknown type (TYPE1000): NOERROR',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { authorities: [soa(300, 300)] }));
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name, type: 'TYPE1000' });
        mustBe(answer, 0);
        must(answer.authorities[0]?.type === 'SOA', 'no SOA');
      }
    },
  },
  testing(
    '8.1.3.1',
    'CD=1: answered, and CD comes back',
    (question) => ({ ...question, edns: false, checkingDisabled: true }),
    (answer) => {
      mustAnswer(answer);
      must(answer.checkingDisabled, 'CD clear');
    },
  ),
  testing(
    '8.1.3.2',
    'AD=1: answered',
    (question) => ({ ...question, edns: false, authenticData: true }),
    mustAnswer,
  ),
  testing(
    '8.1.3.3',
    'the reserved bit: answered, and clear in the answer',
    (question) => flagged({ ...question, edns: false }, FLAG.Z),
    (answer) => {
      mustAnswer(answer);
      must(!hasZ(answer), 'Z set');
    },
  ),
  testing(
    '8.1.3.4',
    'RD=1: answered, and RD comes back',
    (question) => ({ ...question, edns: false, recursionDesired: true }),
    (answer) => {
      mustAnswer(answer);
      must(answer.recursionDesired, 'RD clear');
    },
  ),
  ...[15, 3].map((opcode) =>
    testing(
      '8.1.4',
      `an unknown opcode (${opcode}): NOTIMP`,
      (question) => withOpcode({ ...question, edns: false }, opcode),
      (answer) => {
        mustBe(answer, NOTIMP);
        must(answer.opcode === opcode, 'another opcode');
      },
    ),
  ),
  testing('8.1.5', 'over TCP: answered', (question) => ({ ...question, edns: false }), mustAnswer, 'TCP'),
  testing(
    '8.2.1',
    'minimal EDNS: answered, with OPT of version 0',
    (question) => question,
    (answer) => {
      mustAnswer(answer);
      must(ednsOf(answer)?.version === 0, 'no OPT of version 0');
    },
  ),
  testing('8.2.2', 'EDNS version 1: BADVERS', (question) => withEdns(question, 1), mustBeBadVersion),
  testing(
    '8.2.3',
    'an unknown option: answered, the option not echoed',
    (question) => ({ ...question, options: [UNKNOWN_OPTION] }),
    (answer) => {
      mustAnswer(answer);
      mustNotEcho(answer);
    },
  ),
  testing(
    '8.2.4',
    'an unknown EDNS flag: answered, the flag clear',
    (question) => withEdns(question, 0, UNKNOWN_FLAG),
    (answer) => {
      mustAnswer(answer);
      must(answer.opt !== null, 'no OPT');
      mustClearFlags(answer);
    },
  ),
  testing(
    '8.2.5',
    'EDNS version 1 with an unknown flag: BADVERS, the flag clear',
    (question) => withEdns(question, 1, UNKNOWN_FLAG),
    (answer) => {
      mustBeBadVersion(answer);
      mustClearFlags(answer);
    },
  ),
  testing(
    '8.2.6',
    'EDNS version 1 with an unknown option: BADVERS, the option not echoed',
    (question) => withEdns({ ...question, options: [UNKNOWN_OPTION] }, 1),
    (answer) => {
      mustBeBadVersion(answer);
      mustNotEcho(answer);
    },
  ),
  {
    section: 'RFC 8906 §8.2.7',
    text: 'a truncated answer has OPT (size 512, DO)',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(900)] }));
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name, type: 'TXT', udpSize: 512, dnssecOk: true });
        must(answer.truncated, 'TC clear');
        must(answer.opt !== null, 'no OPT');
      }
    },
  },
  testing(
    '8.2.8',
    'DO=1: answered, DO comes back',
    (question) => ({ ...question, dnssecOk: true }),
    (answer) => {
      mustAnswer(answer);
      must(answer.opt?.dnssecOk === true, 'DO clear');
    },
  ),
  testing(
    '8.2.9',
    'EDNS version 1 with DO=1: BADVERS',
    (question) => withEdns({ ...question, dnssecOk: true }, 1),
    mustBeBadVersion,
  ),
  testing(
    '8.2.10',
    'several known options at once (NSID, cookie, client subnet, expire): answered, with OPT',
    (question) => ({
      ...question,
      options: [
        { code: 3, data: new Uint8Array(0) },
        { code: 10, data: bytesOf('0102030405060708') },
        { code: 8, data: bytesOf('0001 0000') },
        { code: 9, data: new Uint8Array(0) },
      ],
    }),
    (answer) => {
      mustAnswer(answer);
      must(answer.opt !== null, 'no OPT');
    },
  ),
  {
    section: 'RFC 8906 §6',
    text: 'the cache keeps DO apart: only clients that ask for signatures get them',
    async check(trial) {
      const signature = record(
        QNAME_POINTER,
        46,
        300,
        bytesOf('0001 0d 02 0000012c 6a000000 69000000 0001 00', 'ab'.repeat(64)),
      );
      const domain = trial.domain((query) => {
        const isDnssecOk = query.hasOpt && (query.bytes[optFlagsOffset(query.bytes)]! & 0x80) !== 0;
        return reply(query, { answers: isDnssecOk ? [address(), signature] : [address()] });
      });
      for (const dnssecOk of [false, true, false, true]) {
        const answer = await trial.ask({ name: domain.name, dnssecOk });
        mustAnswer(answer, dnssecOk ? 2 : 1);
      }
    },
  },
  {
    section: 'RFC 8906 §6',
    text: 'the cache keeps CD apart: what failed validation upstream is given to CD=1 only',
    async check(trial) {
      const domain = trial.domain((query) => {
        const isDisabled = (query.bytes[3]! & 0x10) !== 0;
        return isDisabled ? reply(query, { answers: [address(66)] }) : reply(query, { rcode: 2 });
      });
      mustAnswer(await trial.ask({ name: domain.name, checkingDisabled: true }));
      mustBe(await trial.ask({ name: domain.name }), 2);
      mustAnswer(await trial.ask({ name: domain.name, checkingDisabled: true }));
    },
  },
  {
    section: 'RFC 8906 §6',
    text: 'the cache keeps sizes apart: what was cut for one client is whole for the next',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(900)] }));
      const small = await trial.ask({ name, type: 'TXT', edns: false });
      must(small.truncated, 'TC clear');
      mustAnswer(await trial.ask({ name, type: 'TXT', udpSize: 1232 }));
      must((await trial.ask({ name, type: 'TXT', edns: false })).truncated, 'TC clear the second time');
    },
  },
];

/** The byte of DO in a query's OPT. */
function optFlagsOffset(query: Uint8Array): number {
  let offset = 12;
  while (query[offset] !== 0) offset += query[offset]! + 1;
  return offset + 5 + 7;
}
