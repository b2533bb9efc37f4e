// RFC 6891 (EDNS), DNS flag day 2020 and RFC 9715 (sizes).
import { queryBytes } from '../kit/dns-client.ts';
import { questionEnd } from '../kit/received-query.ts';
import { bytesOf, opt } from '../wire/build-message.ts';
import {
  addressesOf,
  BADVERS,
  ednsOf,
  FORMERR,
  mustAnswer,
  mustBe,
  withAdditional,
  withEdns,
} from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, firstQuery, optOffset, reply, text } from './stage.ts';

export const RFC_6891: readonly Requirement[] = [
  {
    section: 'RFC 6891 §6.1.1',
    text: 'OPT is in the answer if and only if it was in the query, and is never kept with it',
    async check(trial) {
      for (const first of [true, false]) {
        const { name } = trial.domain();
        for (const edns of [first, !first, first]) {
          const answer = await trial.ask({ name, edns });
          mustAnswer(answer);
          must((answer.opt !== null) === edns, edns ? 'no OPT' : 'OPT for a query without');
        }
      }
    },
  },
  {
    section: 'RFC 6891 §6.1.1',
    text: 'two OPT records are FORMERR',
    async check(trial) {
      const { name } = trial.domain();
      mustBe(await trial.ask(withAdditional({ name }, opt(1232))), FORMERR);
    },
  },
  {
    section: 'RFC 6891 §6.1.1',
    text: 'OPT is accepted at any position among the additional records',
    async check(trial) {
      const { name } = trial.domain();
      const bare = { name, edns: false };
      mustAnswer(await trial.ask(withAdditional(bare, opt(1232))));
      const behind = withAdditional(bare, bytesOf('00 0001 0001 00000000 0004 c0000201'), opt(1232));
      mustAnswer(await trial.ask(behind));
    },
  },
  {
    section: 'RFC 6891 §6.1.2',
    text: 'an option that is longer than its OPT record is no reason for silence',
    async check(trial) {
      const { name } = trial.domain();
      const broken = queryBytes({ name, options: [{ code: 65_001, data: Buffer.from('ab') }] });
      broken.writeUInt16BE(500, questionEnd(broken) + 13);
      const answer = await trial.ask(broken);
      if (answer.rcode !== FORMERR) mustAnswer(answer);
    },
  },
  {
    section: 'RFC 6891 §6.1.3',
    text: 'a version above 0 is BADVERS, with version 0 in the answer and no records',
    async check(trial) {
      const { name } = trial.domain();
      for (const version of [1, 255]) {
        const answer = await trial.ask(withEdns({ name }, version));
        mustBe(answer, BADVERS);
        must(ednsOf(answer)?.version === 0, 'another version');
        must(answer.answers.length === 0, 'records');
      }
    },
  },
  {
    section: 'RFC 6891 §6.1.4',
    text: "OPT's reserved flags are ignored in a query and 0 in the answer, and not sent on",
    async check(trial) {
      const domain = trial.domain();
      const answer = await trial.ask(withEdns({ name: domain.name }, 0, 0x7fff));
      mustAnswer(answer);
      must((ednsOf(answer)?.flags ?? 0) === 0, 'flags came back');
      const sent = firstQuery(domain).bytes;
      const offset = optOffset(sent);
      must(offset < 0 || (sent.readUInt16BE(offset + 7) & 0x7fff) === 0, 'flags sent on');
    },
  },
  {
    section: 'RFC 6891 §6.1.4',
    text: 'DO is passed on, and comes back',
    async check(trial) {
      const domain = trial.domain();
      const answer = await trial.ask({ name: domain.name, dnssecOk: true });
      mustAnswer(answer);
      must(answer.opt?.dnssecOk === true, 'DO clear');
      const sent = firstQuery(domain).bytes;
      const offset = optOffset(sent);
      must(offset >= 0 && (sent[offset + 7]! & 0x80) !== 0, 'not passed on');
    },
  },
  {
    section: 'RFC 6891 §6.2.3',
    text: 'a size below 512 means 512',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(350)] }));
      for (const udpSize of [0, 100, 511]) {
        const answer = await trial.ask({ name, type: 'TXT', udpSize });
        must(!answer.truncated, `TC with size ${udpSize}`);
        mustAnswer(answer);
      }
    },
  },
  {
    section: 'RFC 6891 §6.2.4',
    text: "an answer larger than the client's size is TC, with OPT, and no longer than that size",
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(900)] }));
      for (let i = 0; i < 2; i++) {
        const answer = await trial.ask({ name, type: 'TXT', udpSize: 700 });
        must(answer.truncated, 'TC clear');
        must(answer.bytes.length <= 700, `${answer.bytes.length} bytes`);
        must(answer.opt !== null, 'no OPT');
      }
    },
  },
  {
    section: 'RFC 6891 §7',
    text: 'an upstream that answers OPT with FORMERR is asked again without OPT',
    async check(trial) {
      const { name } = trial.domain((query) =>
        query.hasOpt ? reply(query, { rcode: FORMERR, opt: false }) : reply(query, { answers: [address()] }),
      );
      let answer = await trial.ask({ name: `n0.${name}` });
      // A loaded machine may take a late reply for silence, and spend messages on it.
      for (let i = 1; i < 4 && answer.rcode !== 0; i++) answer = await trial.ask({ name: `n${i}.${name}` });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'another address');
    },
  },
  {
    section: 'DNS flag day 2020',
    text: 'an answer over UDP has at most 1232 bytes, whatever size the client gives',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(1300)] }));
      for (const udpSize of [1233, 4096, 65_535]) {
        const answer = await trial.ask({ name, type: 'TXT', udpSize });
        must(answer.bytes.length <= 1232, `${answer.bytes.length} bytes`);
        must(answer.truncated, 'TC clear');
      }
    },
  },
  {
    section: 'DNS flag day 2020',
    text: 'an answer of just 1232 bytes passes over UDP',
    only: 'UDP',
    async check(trial) {
      // Header, question, a record, OPT.
      const { name } = trial.domain((query) => {
        const rest = 12 + query.name.length + 2 + 4 + 12 + 11;
        return reply(query, { answers: [text(1232 - rest)] });
      });
      const answer = await trial.ask({ name, type: 'TXT', udpSize: 1232 });
      must(!answer.truncated, 'TC');
      must(answer.bytes.length === 1232, `${answer.bytes.length} bytes`);
    },
  },
  {
    section: 'RFC 9715 §3.2',
    text: 'upstreams are told a size of 1232 bytes or less',
    async check(trial) {
      const domain = trial.domain();
      mustAnswer(await trial.ask({ name: domain.name, udpSize: 4096 }));
      const sent = firstQuery(domain).bytes;
      const offset = optOffset(sent);
      const size = offset < 0 ? 512 : sent.readUInt16BE(offset + 3);
      must(size <= 1232, `${size} bytes`);
    },
  },
];
