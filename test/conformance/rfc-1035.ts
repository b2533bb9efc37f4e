// RFC 1035, with what RFC 1123 and RFC 2181 make of it: names, TTLs, headers, sizes.

import { later } from '../kit/actions.ts';
import { asQuery } from '../kit/altered-answers.ts';
import { queryBytes } from '../kit/dns-client.ts';
import { bytesOf, QNAME_POINTER, record } from '../wire/build-message.ts';
import {
  addressesOf,
  dataOf,
  FLAG,
  FORMERR,
  flagged,
  hasZ,
  mustAnswer,
  mustBe,
  mustBeFresh,
  mustBeKept,
  NOTIMP,
  SERVFAIL,
  withCount,
  withOpcode,
} from './messages.ts';
import { rcodeName } from './rcode-names.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, byTransport, reply, text } from './stage.ts';
import { pause } from './trial.ts';

/** A label of that many bytes. */
const label = (length: number) => 'l'.repeat(length);

export const RFC_1035: readonly Requirement[] = [
  {
    section: 'RFC 1035 §2.3.3',
    text: 'names are matched whatever their case, in the cache too',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { answers: [address(domain.queries.length)] }));
      const first = await trial.ask({ name: `www.${domain.name}` });
      mustAnswer(first);
      mustBeKept(first, await trial.ask({ name: `WwW.${domain.name.toUpperCase()}` }));
    },
  },
  {
    section: 'RFC 1035 §2.3.3',
    text: "the question comes back in the client's spelling, from the cache too",
    async check(trial) {
      const { name } = trial.domain();
      for (const spelt of [`wWw.${name}`, `WWW.${name.toUpperCase()}`, `wwW.${name}`]) {
        const query = queryBytes({ name: spelt });
        const { bytes } = await trial.ask(query);
        const end = 12 + spelt.length + 2 + 4;
        must(bytes.subarray(12, end).equals(query.subarray(12, end)), 'another spelling');
      }
    },
  },
  {
    section: 'RFC 1035 §2.3.4',
    text: 'a label of 63 bytes and a name of 255 are forwarded',
    async check(trial) {
      const { name } = trial.domain();
      mustAnswer(await trial.ask({ name: `${label(63)}.${name}` }));
      // 255 bytes with the length bytes and the root's.
      const rest = 255 - (name.length + 2);
      const labels = [label(63), label(63), label(63)];
      const left = rest - 3 * 64 - 1;
      const long = [...labels, label(left), name].join('.');
      must(long.length + 2 === 255, `a test name of ${long.length + 2}`);
      mustAnswer(await trial.ask({ name: long }));
    },
  },
  {
    section: 'RFC 1035 §2.3.4',
    text: 'a name of 256 bytes is FORMERR, and not forwarded',
    async check(trial) {
      const domain = trial.domain();
      const rest = 256 - (domain.name.length + 2);
      const long = [label(63), label(63), label(63), label(rest - 3 * 64 - 1), domain.name].join('.');
      await trial.mustRefuse(queryBytes({ name: long }), FORMERR);
      must(domain.queries.length === 0, 'forwarded');
    },
  },
  {
    section: 'RFC 1035 §3.2.1',
    text: 'TTLs count down in the cache',
    async check(trial) {
      const { name } = trial.domain();
      must((await trial.ask({ name })).ttl === 300, 'another TTL than the upstream’s');
      await pause(2100);
      const { ttl } = await trial.ask({ name });
      must(ttl >= 280 && ttl <= 298, `TTL ${ttl} of 300 after 2 s`);
    },
  },
  {
    section: 'RFC 1035 §3.2.1',
    text: 'an answer with TTL 0 is not kept',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { answers: [address(domain.queries.length, 0)] }));
      const first = await trial.ask({ name: domain.name });
      mustAnswer(first);
      mustBeFresh(first, await trial.ask({ name: domain.name }));
    },
  },
  {
    section: 'RFC 1035 §4.1.1',
    text: 'the answer has the ID and RD of the query, QR and RA set, AA and Z clear when it is cached',
    async check(trial) {
      // The upstream claims AA, sets Z, and says RD whatever it was asked with.
      const flags = FLAG.AA | FLAG.Z | FLAG.RD;
      const domain = trial.domain((query) =>
        reply(query, { flags, answers: [address(domain.queries.length)] }),
      );
      for (const [id, recursionDesired] of [
        [0, true],
        [0xffff, true],
        [0x1234, false],
        [0x4321, false],
      ] as const) {
        const question = { name: domain.name, recursionDesired };
        const first = await trial.ask(question);
        const answer = await trial.ask({ ...question, id });
        must(answer.id === id, 'another ID');
        must(answer.isResponse && answer.recursionAvailable, 'QR or RA clear');
        must(answer.recursionDesired === recursionDesired, 'another RD');
        must(!hasZ(answer), 'Z set');
        const isKept = dataOf(first) === dataOf(answer);
        must(!isKept || !answer.authoritative, 'AA set on a kept answer');
        // Who does not recurse need not keep; with RD there must be something kept to look at.
        must(isKept || !recursionDesired, 'not kept');
      }
    },
  },
  {
    section: 'RFC 1035 §4.1.1',
    text: 'opcodes other than QUERY are answered NOTIMP (IQUERY, STATUS, NOTIFY, UPDATE), and not relayed',
    async check(trial) {
      const domain = trial.domain();
      const seen = new Set<string>();
      for (const opcode of [1, 2, 4, 5]) {
        const answer = await trial.ask(withOpcode({ name: domain.name, edns: false }, opcode));
        must(domain.queries.length === 0, 'relayed');
        if (answer.rcode !== NOTIMP) seen.add(rcodeName(answer.rcode));
        must(answer.opcode === opcode, `opcode ${answer.opcode} for ${opcode}`);
      }
      must(seen.size === 0, [...seen].join(', '));
    },
  },
  {
    section: 'RFC 1035 §4.1.1',
    text: 'an unreadable query is answered FORMERR, not with silence',
    async check(trial) {
      const { name } = trial.domain();
      const whole = queryBytes({ name, edns: false });
      const broken: readonly Buffer[] = [
        whole.subarray(0, whole.length - 1),
        whole.subarray(0, 14),
        whole.subarray(0, 12),
        withCount(whole, 3, 1),
      ];
      for (const bytes of broken) await trial.mustRefuse(Buffer.from(bytes), FORMERR);
    },
  },
  {
    section: 'RFC 1035 §4.1.1',
    text: 'less than a header is not answered, and the next query is',
    async check(trial) {
      const { name } = trial.domain();
      for (const length of [1, 11]) {
        must((await trial.askInSilence(queryBytes({ name }).subarray(0, length))) === null, 'an answer');
      }
      mustAnswer(await trial.ask({ name }));
    },
  },
  {
    section: 'RFC 1035 §4.2.1',
    text: 'without EDNS no answer over UDP is longer than 512 bytes: TC',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(600)] }));
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name, type: 'TXT', edns: false });
        must(answer.bytes.length <= 512, `${answer.bytes.length} bytes`);
        must(answer.truncated, 'TC clear');
      }
    },
  },
  {
    section: 'RFC 1035 §4.2.2',
    text: 'over TCP an answer of 60,000 bytes is whole, from the cache too',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain((query) =>
        byTransport(
          query,
          () => reply(query, { flags: FLAG.TC }),
          () => reply(query, { answers: [text(20_000), text(20_001), text(20_002)] }),
        ),
      );
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name, type: 'TXT' });
        mustAnswer(answer, 3);
        must(answer.bytes.length > 60_000, `${answer.bytes.length} bytes`);
      }
    },
  },
  {
    section: 'RFC 1035 §7.3',
    text: 'a message with QR=1 is not answered, nor relayed, whether its name is in the cache or not',
    async check(trial) {
      const domain = trial.domain();
      must((await trial.askInSilence(flagged({ name: domain.name }, FLAG.QR))) === null, 'an answer');
      must(domain.queries.length === 0, 'relayed');
      mustAnswer(await trial.ask({ name: domain.name }));
      const cached = await trial.askInSilence(flagged({ name: domain.name }, FLAG.QR));
      must(cached === null, 'answered from the cache');
    },
  },
  {
    section: 'RFC 1035 §7.3',
    text: 'a reply with QR=0 is not a reply: the good one after it is accepted',
    async check(trial) {
      const { name } = trial.domain(
        (query) => [
          asQuery(reply(query, { answers: [address(66)] })),
          later(100, reply(query, { answers: [address(1)] })),
        ],
        'hostile',
      );
      const answer = await trial.ask({ name });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'the reply with QR=0 was taken');
    },
  },
  {
    section: 'RFC 1035 §7.4',
    text: 'a truncated reply is not kept: a client that asks over TCP afterwards gets the whole answer',
    async check(trial) {
      const { name } = trial.domain((query) =>
        byTransport(
          query,
          () => reply(query, { flags: FLAG.TC, answers: [text(100)] }),
          () => reply(query, { answers: [text(900), text(901)] }),
        ),
      );
      await trial.ask({ name, type: 'TXT' });
      const client = await trial.tcpClient();
      client.send(queryBytes({ name, type: 'TXT' }));
      const bytes = await client.receive().catch(() => null);
      must(bytes !== null, 'no answer over TCP');
      must(bytes.length > 1800, `${bytes.length} bytes over TCP`);
    },
  },
  {
    section: 'RFC 1123 §6.1.3.3',
    text: 'a silent upstream leads to SERVFAIL, within 9 s',
    zone: 'silent',
    async check(trial) {
      const { name } = trial.domain(() => undefined, 'silent');
      mustBe(await trial.ask({ name }), SERVFAIL);
    },
  },
  {
    section: 'RFC 2181 §4.1',
    text: 'the answer comes from the address and port that was asked',
    async check(trial) {
      const { name } = trial.domain();
      const bytes = await trial.askConnected(queryBytes({ name }));
      must(bytes !== null, 'none from there');
    },
  },
  {
    section: 'RFC 2181 §5.2',
    text: 'the records of an RRset get one TTL, the lowest',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [address(1, 300), address(2, 60)] }));
      await trial.ask({ name });
      const { answers } = await trial.ask({ name });
      const ttls = answers.map((record) => ('ttl' in record ? (record.ttl ?? -1) : -1));
      must(ttls.length === 2 && ttls.every((ttl) => ttl <= 60 && ttl > 0), `TTLs ${ttls.join(' and ')}`);
    },
  },
  {
    section: 'RFC 2181 §8',
    text: 'a TTL with the top bit set is 0: not kept (or capped at seven days: RFC 8767 §4)',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { answers: [address(1, 0x80000001)] }));
      const first = await trial.ask({ name: domain.name });
      must(first.ttl <= 7 * 86_400, `TTL ${first.ttl}`);
      const second = await trial.ask({ name: domain.name });
      must(second.ttl <= 7 * 86_400, `TTL ${second.ttl} from the cache`);
    },
  },
  {
    section: 'RFC 2181 §9',
    text: 'the records of a truncated reply are not used: the question is asked again over TCP',
    async check(trial) {
      const domain = trial.domain((query) =>
        byTransport(
          query,
          () => reply(query, { flags: FLAG.TC, answers: [address(66)] }),
          () => reply(query, { answers: [address(1)] }),
        ),
      );
      const answer = await trial.ask({ name: domain.name });
      must(!answer.truncated, 'TC relayed');
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'data of the truncated reply');
    },
  },
  {
    section: 'RFC 2181 §10.1',
    text: 'an alias and its targets pass unchanged, with compressed names',
    async check(trial) {
      const { name } = trial.domain((query) => {
        // Who asks for the target himself is told.
        if (query.name.toLowerCase().startsWith('www.')) return reply(query, { answers: [address(9)] });
        const alias = record(QNAME_POINTER, 5, 300, bytesOf('0377 7777 c00c'));
        return reply(query, {
          answers: [alias, record(bytesOf('0377 7777 c00c'), 1, 300, bytesOf(192, 0, 2, 9))],
        });
      });
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name });
        mustAnswer(answer, 2);
        const [alias] = answer.answers;
        must(alias?.type === 'CNAME' && alias.data.toLowerCase() === `www.${name}`, 'another alias');
        must(addressesOf(answer)[0] === '192.0.2.9', 'another address');
      }
    },
  },
];
