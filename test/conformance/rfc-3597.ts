// RFC 3597 (unknown types and classes), RFC 8482 (ANY).

import { bytesOf, QNAME_POINTER, record } from '../wire/build-message.ts';
import { contains, mustAnswer } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { firstQuery, reply, text } from './stage.ts';

/** RDATA that looks like a compression pointer, a name, and another pointer. */
const ODD_RDATA = bytesOf('c00c 0001 0377 7777 c00c c0ff 00');

export const RFC_3597: readonly Requirement[] = [
  {
    section: 'RFC 3597 §3',
    text: 'a record of an unknown type passes, every byte of its RDATA, from the cache too',
    async check(trial) {
      const domain = trial.domain((query) => {
        const rdata = bytesOf(ODD_RDATA, domain.queries.length);
        return reply(query, { answers: [record(QNAME_POINTER, 65_280, 300, rdata)] });
      });
      const first = await trial.ask({ name: domain.name, type: 'TYPE65280' });
      const second = await trial.ask({ name: domain.name, type: 'TYPE65280' });
      for (const answer of [first, second]) {
        mustAnswer(answer);
        must(contains(answer.bytes, ODD_RDATA), 'other RDATA');
      }
    },
  },
  {
    section: 'RFC 3597 §3',
    text: 'a question of an unknown class passes, and its answer',
    async check(trial) {
      const domain = trial.domain((query) =>
        reply(query, { answers: [record(QNAME_POINTER, 1, 300, bytesOf(192, 0, 2, 1), 65_280)] }),
      );
      const answer = await trial.ask({ name: domain.name, qclass: 65_280 });
      mustAnswer(answer);
      const asked = firstQuery(domain).bytes;
      must(contains(asked, bytesOf('00 0001 ff00')), 'another class upstream');
    },
  },
  {
    section: 'RFC 3597 §4',
    text: 'names in the RDATA of types newer than RFC 1035 are not compressed where they were not (SRV, SVCB)',
    async check(trial) {
      const target = bytesOf('0673 6572 7665 7207 6578 616d 706c 6500');
      const srv = bytesOf('0001 0002 0035', target);
      const svcb = bytesOf('0001', target, '0003 0002 01bb');
      const { name } = trial.domain((query) =>
        reply(query, {
          answers: [
            record(QNAME_POINTER, query.type === 'SRV' ? 33 : 64, 300, query.type === 'SRV' ? srv : svcb),
          ],
        }),
      );
      for (const [type, rdata] of [
        ['SRV', srv],
        ['SVCB', svcb],
      ] as const) {
        for (let i = 0; i < 2; i++) {
          const answer = await trial.ask({ name, type });
          mustAnswer(answer);
          must(contains(answer.bytes, rdata), `${type}: other RDATA`);
        }
      }
    },
  },
  {
    section: 'RFC 8482 §4',
    text: 'ANY is answered, and over UDP with no more than 1232 bytes',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [text(900), text(901), text(902)] }));
      const answer = await trial.ask({ name, type: 'ANY', udpSize: 65_535 });
      must(answer.rcode === 0, `RCODE ${answer.rcode}`);
      must(answer.truncated || answer.answers.length > 0, 'neither records nor TC');
      if (trial.transport === 'UDP') must(answer.bytes.length <= 1232, `${answer.bytes.length} bytes`);
    },
  },
];
