// RFC 9267 (what implementations got wrong in reading messages) and RFC 9619 (one question).

import { later, type SendAction, send } from '../kit/actions.ts';
import { queryBytes } from '../kit/dns-client.ts';
import { questionEnd, type ReceivedQuery } from '../kit/received-query.ts';
import { bytesOf, QNAME_POINTER, record } from '../wire/build-message.ts';
import { addressesOf, FORMERR, mustAnswer, SERVFAIL, withCount, withQuestionBytes } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, reply } from './stage.ts';

/** A broken reply first, the good one 150 ms later. */
function survives(section: string, text: string, breakIt: (query: ReceivedQuery) => SendAction): Requirement {
  return {
    section: `RFC 9267 §${section}`,
    text: `${text} reaches no client, and the next question is answered`,
    async check(trial) {
      const { name } = trial.domain(
        (query) =>
          query.name.toLowerCase().startsWith('after.')
            ? reply(query, { answers: [address(2)] })
            : [breakIt(query), later(150, reply(query, { answers: [address(1)] }))],
        'hostile',
      );
      const answer = await trial.ask({ name });
      const after = await trial.ask({ name: `after.${name}` });
      must(addressesOf(after)[0] === '192.0.2.2', 'it never recovered');
      must(addressesOf(answer)[0] !== '192.0.2.66', 'the broken reply was used');
      if (answer.rcode === SERVFAIL) return;
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'another answer');
    },
  };
}

/** The offset of the first byte after the question. */
const afterQuestion = (query: ReceivedQuery) => questionEnd(query.bytes);
const pointerTo = (offset: number) => bytesOf(0xc0 | (offset >> 8), offset & 255);
const bad = bytesOf(192, 0, 2, 66);

function changed(action: SendAction, change: (bytes: Buffer) => void): SendAction {
  const bytes = Buffer.from(action.bytes);
  change(bytes);
  return send(bytes);
}

export const HOSTILE_MESSAGES: readonly Requirement[] = [
  {
    section: 'RFC 5452 §9.1',
    text: 'a reply that cannot be read does not end the wait: the good one after it is given',
    async check(trial) {
      const { name } = trial.domain((query) => {
        const broken = reply(query, { answers: [record(bytesOf('ffff'), 1, 300, bad)] });
        const good = later(150, reply(query, { answers: [address(1)] }));
        // Nobody but the server can write into a connection.
        return query.transport === 'udp' ? [broken, good] : good;
      }, 'hostile');
      const answer = await trial.ask({ name });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'the broken reply was used');
    },
  },
  survives('2', 'a reply with a pointer to itself', (query) =>
    reply(query, { answers: [record(pointerTo(afterQuestion(query)), 1, 300, bad)] }),
  ),
  survives('2', 'a reply with two pointers to each other', (query) => {
    const at = afterQuestion(query);
    const first = record(pointerTo(at + 16), 1, 300, bad);
    return reply(query, { answers: [first, record(pointerTo(at), 1, 300, bad)] });
  }),
  survives('2', 'a reply with a pointer forward', (query) =>
    reply(query, { answers: [record(pointerTo(afterQuestion(query) + 12), 1, 300, bad)] }),
  ),
  survives('2', 'a reply with a pointer past its end', (query) =>
    reply(query, { answers: [record(bytesOf('ffff'), 1, 300, bad)] }),
  ),
  survives('3', 'a reply with a label of a reserved kind (0x40)', (query) =>
    reply(query, { answers: [record(bytesOf('41 6161 00'), 1, 300, bad)] }),
  ),
  survives('3', 'a reply with a name over 255 bytes', (query) =>
    reply(query, { answers: [record(bytesOf(...Array(5).fill(`3f${'61'.repeat(63)}`), '00'), 1, 300, bad)] }),
  ),
  survives('5', 'a reply whose RDLENGTH goes past the end of the message', (query) =>
    changed(reply(query, { answers: [record(QNAME_POINTER, 1, 300, bad)], opt: false }), (bytes) =>
      bytes.writeUInt16BE(60_000, bytes.length - 6),
    ),
  ),
  survives('6', 'a reply that announces 65535 answers and has one', (query) =>
    changed(reply(query, { answers: [record(QNAME_POINTER, 1, 300, bad)], opt: false }), (bytes) =>
      bytes.writeUInt16BE(65_535, 6),
    ),
  ),
  survives('6', 'a reply cut off within a record', (query) => {
    const whole = reply(query, { answers: [record(QNAME_POINTER, 1, 300, bad)], opt: false });
    return send(whole.bytes.subarray(0, whole.bytes.length - 3));
  }),
  {
    section: 'RFC 9267 §2',
    text: 'a query whose name is a pointer is FORMERR',
    async check(trial) {
      const { name } = trial.domain();
      for (const bytesOfName of [
        'c00c 0001 0001',
        'c010 0001 0001',
        '0161 c00c 0001 0001',
        'ffff 0001 0001',
      ]) {
        await trial.mustRefuse(withQuestionBytes(bytesOf(bytesOfName)), FORMERR);
      }
      mustAnswer(await trial.ask({ name }));
    },
  },
  {
    section: 'RFC 9267 §3',
    text: 'a query with a label of a reserved kind (0x40, 0x80) is FORMERR',
    async check(trial) {
      for (const bytesOfName of [`41${'61'.repeat(65)}00 0001 0001`, `81${'61'.repeat(129)}00 0001 0001`]) {
        await trial.mustRefuse(withQuestionBytes(bytesOf(bytesOfName)), FORMERR);
      }
    },
  },
  {
    section: 'RFC 9267 §6',
    text: 'a query that announces records it does not have is FORMERR',
    async check(trial) {
      const query = queryBytes({ name: trial.domain().name, edns: false });
      for (const section of [1, 2, 3] as const) {
        for (const count of [1, 65_535]) {
          await trial.mustRefuse(withCount(query, section, count), FORMERR);
        }
      }
    },
  },
  ...[2, 3, 65_535].map(
    (count): Requirement => ({
      section: 'RFC 9619 §4',
      text: `QDCOUNT ${count} in a QUERY is FORMERR, and not relayed`,
      async check(trial) {
        const domain = trial.domain();
        const one = queryBytes({ name: domain.name, edns: false });
        const question = one.subarray(12);
        const several = Buffer.concat([one, ...Array(Math.min(count, 3) - 1).fill(question)]);
        await trial.mustRefuse(withCount(several, 0, count), FORMERR);
        must(domain.queries.length === 0, 'relayed');
      },
    }),
  ),
  {
    section: 'RFC 9619 §4',
    text: 'QDCOUNT 0 in a QUERY is answered (FORMERR: there is nothing to ask)',
    async check(trial) {
      const header = queryBytes({ name: '.', edns: false }).subarray(0, 12);
      await trial.mustRefuse(withCount(Buffer.from(header), 0, 0), FORMERR);
    },
  },
];
