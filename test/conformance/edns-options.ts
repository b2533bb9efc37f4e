// What becomes of EDNS options: RFC 7871 (client subnet), RFC 7873 (cookies), RFC 8467 (padding),
// RFC 8914 (extended errors).
import { bytesOf, option } from '../wire/build-message.ts';
import { contains, mustAnswer, mustBe, SERVFAIL } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, firstQuery, optionCodes, reply, text } from './stage.ts';

const CLIENT_SUBNET = 8;
const COOKIE = 10;
const PADDING = 12;
const EDE = 15;

const SUBNET = bytesOf('0001 18 00 cb0071');
const CLIENT_COOKIE = bytesOf('0102030405060708');
const SERVER_COOKIE = bytesOf('0102030405060708 a1a2a3a4a5a6a7a8');

export const EDNS_OPTIONS: readonly Requirement[] = [
  {
    section: 'RFC 7871 §7.1.3',
    text: "a client's subnet is not sent on, and none comes back",
    async check(trial) {
      const domain = trial.domain((query) =>
        reply(query, { answers: [address()], options: option(CLIENT_SUBNET, bytesOf('0001 18 18 cb0071')) }),
      );
      const answer = await trial.ask({
        name: domain.name,
        options: [{ code: CLIENT_SUBNET, data: SUBNET }],
      });
      mustAnswer(answer);
      must(!optionCodes(firstQuery(domain).bytes).includes(CLIENT_SUBNET), 'sent on');
      must(answer.opt?.options.every(({ code }) => code !== CLIENT_SUBNET) === true, 'came back');
    },
  },
  {
    section: 'RFC 7873 §5.2',
    text: "cookies belong to a leg: a client's is not sent on, an upstream's is not given to a client",
    async check(trial) {
      const domain = trial.domain((query) =>
        reply(query, { answers: [address()], options: option(COOKIE, SERVER_COOKIE) }),
      );
      const answer = await trial.ask({ name: domain.name, options: [{ code: COOKIE, data: CLIENT_COOKIE }] });
      mustAnswer(answer);
      must(!contains(firstQuery(domain).bytes, CLIENT_COOKIE), 'sent on');
      must(!contains(answer.bytes, bytesOf('a1a2a3a4a5a6a7a8')), 'the upstream’s was given');
    },
  },
  {
    section: 'RFC 8467 §4',
    text: 'nothing is padded on legs that are not encrypted',
    async check(trial) {
      const domain = trial.domain();
      const answer = await trial.ask({
        name: domain.name,
        options: [{ code: PADDING, data: new Uint8Array(60) }],
      });
      mustAnswer(answer);
      must(!optionCodes(firstQuery(domain).bytes).includes(PADDING), 'padded upstream');
      must(answer.opt?.options.every(({ code }) => code !== PADDING) === true, 'padded toward the client');
    },
  },
  {
    section: 'RFC 8467 §4.1',
    text: 'queries over TLS are padded to blocks of 128 bytes',
    zone: 'tls',
    async check(trial) {
      const domain = trial.domain(undefined, 'tls');
      for (const name of [domain.name, `${'l'.repeat(40)}.${domain.name}`]) {
        mustAnswer(await trial.ask({ name }));
      }
      for (const { transport, bytes } of domain.queries) {
        must(transport === 'tls', `over ${transport}`);
        must(bytes.length % 128 === 0, `${bytes.length} bytes`);
        must(optionCodes(bytes).includes(PADDING), 'no padding option');
      }
    },
  },
  {
    section: 'RFC 8914 §3',
    text: "an upstream's extended error is told to a client with OPT",
    async check(trial) {
      const { name } = trial.domain((query) =>
        reply(query, { rcode: SERVFAIL, options: option(EDE, bytesOf('0006', Buffer.from('bogus here'))) }),
      );
      const answer = await trial.ask({ name });
      mustBe(answer, SERVFAIL);
      must(answer.ede?.code === 6, answer.ede === null ? 'none' : `EDE ${answer.ede.code}`);
    },
  },
  {
    section: 'RFC 8914 §3',
    text: 'an extended error with good data passes too; without OPT in the query there is none',
    async check(trial) {
      const { name } = trial.domain((query) =>
        reply(query, { answers: [address()], options: option(EDE, bytesOf('0004')) }),
      );
      const bare = await trial.ask({ name: `bare.${name}`, edns: false });
      mustAnswer(bare);
      must(bare.opt === null, 'OPT for a query without');
      const answer = await trial.ask({ name });
      mustAnswer(answer);
      must(answer.ede?.code === 4, 'none');
    },
  },
  {
    section: 'RFC 8914 §3',
    text: 'if the answer is too long, the extended error is dropped first and the records stay',
    only: 'UDP',
    async check(trial) {
      const words = Buffer.from('a long explanation of what is wrong here '.repeat(3));
      const { name } = trial.domain((query) => {
        const rest = 12 + query.name.length + 2 + 4 + 12 + 11;
        return reply(query, { answers: [text(500 - rest)], options: option(EDE, bytesOf('0004', words)) });
      });
      const answer = await trial.ask({ name, type: 'TXT', udpSize: 512 });
      must(!answer.truncated, 'TC');
      mustAnswer(answer);
      must(answer.bytes.length <= 512, `${answer.bytes.length} bytes`);
    },
  },
  {
    section: 'RFC 8914 §4',
    text: 'a failure that is found here says why: SERVFAIL for a silent upstream has an extended error',
    zone: 'silent',
    async check(trial) {
      const { name } = trial.domain(() => undefined, 'silent');
      const answer = await trial.ask({ name });
      mustBe(answer, SERVFAIL);
      must(answer.ede !== null, 'none');
    },
  },
];
