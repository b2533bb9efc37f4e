// RFC 5625, the rules for proxies: transparent to flags, types, classes, options and signatures;
// large answers; TCP. And who may ask.
import { queryBytes } from '../kit/dns-client.ts';
import { bytesOf, QNAME_POINTER, record } from '../wire/build-message.ts';
import { contains, FLAG, flagged, mustAnswer, mustBeFresh, REFUSED, withAdditional } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, byTransport, firstQuery, optionCodes, reply, text } from './stage.ts';
import type { Trial } from './trial.ts';

const TSIG = 250;
const TKEY = 249;
const ANY_CLASS = 255;

/** A TSIG record (RFC 8945 §4.2) whose MAC nobody here can check: algorithm hmac-sha256. */
function tsig(filler: number): Uint8Array {
  const algorithm = bytesOf('0b 686d61632d736861323536 00');
  const mac = new Uint8Array(32).fill(filler);
  const rdata = bytesOf(algorithm, '000065000000 012c 0020', mac, '1234 0000 0000');
  return record(bytesOf('036b6579 00'), TSIG, 0, rdata, ANY_CLASS);
}

/** A TKEY record (RFC 2930 §2). */
function tkey(): Uint8Array {
  const rdata = bytesOf('0b 686d61632d736861323536 00 65000000 65000100 0003 0000 0004 deadbeef 0000');
  return record(QNAME_POINTER, TKEY, 0, rdata, ANY_CLASS);
}

/** A UDP answer of more bytes than fit 1232. */
async function askLargeOverUdp(trial: Trial) {
  const domain = trial.domain((query) => reply(query, { answers: [text(1500), text(1501)] }));
  return trial.ask({ name: domain.name, type: 'TXT', udpSize: 4096 });
}

export const RFC_5625: readonly Requirement[] = [
  {
    section: 'RFC 5625 §3',
    text: 'a query is relayed verbatim, with its OPT record and options',
    async check(trial) {
      const domain = trial.domain();
      const options = [{ code: 65_100, data: Buffer.from('hello') }];
      await trial.ask({ name: domain.name, options });
      must(optionCodes(firstQuery(domain).bytes).includes(65_100), 'options left off');
    },
    deliberately: {
      does: 'EDNS ends here, on both legs; flags, types and classes pass',
      why: 'RFC 6891 §6.2.6 and §7: options belong to a leg; one answer of the cache serves clients with different options',
      async check(trial) {
        const domain = trial.domain();
        const options = [{ code: 65_100, data: Buffer.from('hello') }];
        const answer = await trial.ask({ name: domain.name, options });
        mustAnswer(answer);
        must(answer.opt?.options.every(({ code }) => code !== 65_100) === true, 'the option came back');
        must(!optionCodes(firstQuery(domain).bytes).includes(65_100), 'the option was sent on');
      },
    },
  },
  ...(
    [
      ['RD clear', 0, false],
      ['CD', FLAG.CD, true],
      ['the reserved bit Z', FLAG.Z, true],
    ] as const
  ).map(
    ([flag, bits, recursionDesired]): Requirement => ({
      section: 'RFC 5625 §4.1',
      text: `${flag} is passed on, and is no reason for silence or an error`,
      async check(trial) {
        const domain = trial.domain();
        mustAnswer(await trial.ask(flagged({ name: domain.name, recursionDesired }, bits)));
        const sent = firstQuery(domain).bytes.readUInt16BE(2);
        must((sent & (bits | FLAG.RD)) === (bits | (recursionDesired ? FLAG.RD : 0)), 'not passed on');
      },
    }),
  ),
  {
    section: 'RFC 5625 §4.1',
    text: 'AA, TC and RA in a query, and an RCODE, are no reason for silence or an error',
    async check(trial) {
      const { name } = trial.domain();
      for (const bits of [FLAG.AA, FLAG.TC, 0x0080, 0x000f]) {
        mustAnswer(await trial.ask(flagged({ name }, bits)));
      }
    },
  },
  {
    section: 'RFC 5625 §4.2',
    text: 'compressed names in an answer stay right, from the cache and in another spelling too',
    async check(trial) {
      const { name } = trial.domain((query) => {
        // MX: a pointer to the question; its target's address: a pointer into the MX record.
        const mx = record(QNAME_POINTER, 15, 300, bytesOf('000a 046d 6169 6cc0 0c'));
        const end = 12 + query.name.length + 2 + 4;
        const target = 0xc000 | (end + 2 + 10 + 2);
        return reply(query, {
          answers: [mx],
          additionals: [record(bytesOf(target >> 8, target & 255), 1, 300, bytesOf(192, 0, 2, 25))],
        });
      });
      for (const spelt of [name, name.toUpperCase()]) {
        const answer = await trial.ask({ name: spelt, type: 'MX' });
        mustAnswer(answer);
        const [mx] = answer.answers;
        const exchange = mx?.type === 'MX' ? mx.data.exchange.toLowerCase() : '';
        must(exchange === `mail.${name}`, `exchange ${exchange}`);
        for (const additional of answer.additionals) {
          must(additional.name.toLowerCase() === `mail.${name}`, 'another owner of the address');
        }
      }
    },
  },
  {
    section: 'RFC 5625 §4.3',
    text: 'types from all of the range pass (of 12)',
    async check(trial) {
      const rdata = bytesOf('c00c 0001');
      const domain = trial.domain((query) => {
        const type = query.bytes.readUInt16BE(12 + query.name.length + 2);
        return reply(query, { answers: [record(QNAME_POINTER, type, 300, rdata)] });
      });
      const types = [61, 62, 100, 103, 110, 254, 259, 4096, 32_768, 32_769, 65_280, 65_534];
      for (const type of types) {
        const answer = await trial.ask(queryBytes({ name: domain.name, type }));
        must(answer.rcode === 0 && contains(answer.bytes, rdata), `lost: ${type}`);
      }
    },
  },
  {
    section: 'RFC 5625 §4.4',
    text: 'TC is not lost: a cut answer has it',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { flags: FLAG.TC, answers: [text(200)] }));
      const answer = await trial.ask({ name, type: 'TXT', edns: false });
      must(answer.truncated || answer.rcode === 2, 'neither TC nor an error');
    },
  },
  {
    section: 'RFC 5625 §4.4.1',
    text: 'a query that came over TCP goes out over TCP, not over UDP first',
    only: 'TCP',
    async check(trial) {
      const domain = trial.domain();
      mustAnswer(await trial.ask({ name: domain.name }));
      must(firstQuery(domain).transport === 'tcp', 'over UDP first');
    },
    deliberately: {
      does: 'over UDP first, over TCP when the reply is truncated; the client gets the whole answer',
      why: 'most answers fit 1232 bytes and come from the cache anyway; a flood of TCP clients is no flood of TCP upstream',
      async check(trial) {
        const domain = trial.domain((query) =>
          byTransport(
            query,
            () => reply(query, { flags: FLAG.TC }),
            () => reply(query, { answers: [text(3000)] }),
          ),
        );
        mustAnswer(await trial.ask({ name: domain.name, type: 'TXT' }));
        const transports = domain.queries.map((query) => query.transport);
        must(transports[0] === 'udp' && transports.at(-1) === 'tcp', transports.join(', '));
      },
    },
  },
  {
    section: 'RFC 5625 §4.4.2',
    text: 'an answer of 3000 bytes passes over UDP when the client takes 4096',
    only: 'UDP',
    async check(trial) {
      const answer = await askLargeOverUdp(trial);
      must(!answer.truncated, 'TC');
      mustAnswer(answer, 2);
    },
    deliberately: {
      does: 'TC, and the whole over TCP',
      why: 'DNS flag day 2020 and RFC 9715 §3.2: nothing over 1232 bytes in one datagram, it would be sent in fragments',
      async check(trial) {
        const answer = await askLargeOverUdp(trial);
        must(answer.truncated && answer.answers.length === 0, 'TC clear');
      },
    },
  },
  {
    section: 'RFC 5625 §4.4.2',
    text: 'a query of 4000 bytes is taken',
    async check(trial) {
      const { name } = trial.domain();
      const padded = queryBytes({ name, options: [{ code: 65_101, data: new Uint8Array(3900) }] });
      must(padded.length > 3950, 'a test query too short');
      mustAnswer(await trial.ask(padded));
    },
  },
  ...(
    [
      ['TSIG', 'A', () => tsig(0xaa)],
      ['TKEY', 'TKEY', tkey],
    ] as const
  ).map(
    ([kind, type, signature]): Requirement => ({
      section: 'RFC 5625 §4.5',
      text: `a query with ${kind} and its answer pass unchanged except for the ID, and are not kept`,
      async check(trial) {
        const replies: Buffer[] = [];
        const domain = trial.domain((query) => {
          const answers = [address(domain.queries.length)];
          const signed = reply(query, { answers, additionals: [tsig(0xbb)], opt: false });
          replies.push(signed.bytes);
          return signed;
        });
        const query = withAdditional({ name: domain.name, type, edns: false }, signature());
        const isSame = (a: Buffer, b: Buffer) => a.subarray(2).equals(b.subarray(2));
        const first = await trial.ask(query);
        const second = await trial.ask(query);
        must(
          domain.queries.length > 0 && domain.queries.every(({ bytes }) => isSame(bytes, query)),
          'the query was changed',
        );
        for (const answer of [first, second]) {
          must(answer.id === query.readUInt16BE(0), 'another ID');
          must(
            replies.some((bytes) => isSame(bytes, answer.bytes)),
            'the answer was changed',
          );
        }
        mustBeFresh(first, second);
      },
    }),
  ),
  {
    section: 'RFC 5625 §4.5',
    text: 'a signed query with OPT and options before its signature passes unchanged',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { additionals: [tsig(0xbb)], opt: false }));
      const options = [{ code: 65_100, data: Buffer.from('signed') }];
      const query = withAdditional({ name: domain.name, options }, tsig(0xcc));
      await trial.ask(query);
      must(firstQuery(domain).bytes.subarray(2).equals(query.subarray(2)), 'the query was changed');
    },
  },
  {
    section: 'RFC 5625 §6.2',
    text: 'a client that may not ask gets REFUSED or nothing; nothing is asked for it, and it gets nothing from the cache',
    async check(trial) {
      const domain = trial.domain();
      for (const when of ['fresh', 'kept']) {
        const name = `${when}.${domain.name}`;
        if (when === 'kept') mustAnswer(await trial.ask({ name }));
        const bytes = await trial.askAsOtherClient(queryBytes({ name }));
        must(bytes === null || (bytes[3]! & 15) === REFUSED, `an answer (${when})`);
        must(!domain.queries.some((query) => query.name.toLowerCase().startsWith('fresh.')), 'asked');
      }
    },
  },
];
