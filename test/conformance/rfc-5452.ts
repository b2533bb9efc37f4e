// RFC 5452: replies that are believed, and queries that are hard to guess.

import { fromOtherPort, later, type SendAction } from '../kit/actions.ts';
import { withId, withOtherName, withOtherType } from '../kit/altered-answers.ts';
import { queryBytes } from '../kit/dns-client.ts';
import type { ReceivedQuery } from '../kit/received-query.ts';
import { bytesOf, record } from '../wire/build-message.ts';
import { addressesOf, mustAnswer } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, reply } from './stage.ts';
import { receive } from './trial.ts';

/** A forged reply first, the good one 100 ms later: the good one must be given. */
function forged(text: string, forge: (reply: SendAction, query: ReceivedQuery) => SendAction): Requirement {
  return {
    section: 'RFC 5452 §9.1',
    text: `${text} is not accepted, and the good reply after it is`,
    async check(trial) {
      const { name } = trial.domain((query) => {
        const good = later(100, reply(query, { answers: [address(1)] }));
        const bad = forge(reply(query, { answers: [address(66)] }), query);
        // Nobody but the server can write into a connection.
        return query.transport === 'udp' ? [bad, good] : good;
      }, 'hostile');
      const answer = await trial.ask({ name });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'the forged reply was given');
    },
  };
}

export const RFC_5452: readonly Requirement[] = [
  {
    section: 'RFC 5452 §5',
    text: 'ten clients with one question do not make ten upstream queries: at most three tries',
    async check(trial) {
      const domain = trial.domain((query) => later(300, reply(query, { answers: [address()] })), 'slow');
      const clients = await Promise.all(Array.from({ length: 10 }, () => trial.client()));
      for (const client of clients) client.send(queryBytes({ name: domain.name }));
      for (const answer of await Promise.all(clients.map((client) => receive(client)))) mustAnswer(answer);
      must(domain.queries.length <= 3, `${domain.queries.length} upstream queries`);
    },
  },
  {
    section: 'RFC 5452 §6',
    text: 'only the answer to the question is kept: records of other names in the reply answer nothing',
    async check(trial) {
      const domain = trial.domain((query) => {
        const victim = bytesOf('0676 6963 7469 6d c00c');
        const isParent = query.name.split('.').length === 4;
        return reply(query, {
          answers: [address(1)],
          ...(isParent ? { additionals: [record(victim, 1, 300, bytesOf(192, 0, 2, 66))] } : {}),
        });
      });
      mustAnswer(await trial.ask({ name: domain.name }));
      const answer = await trial.ask({ name: `victim.${domain.name}` });
      must(addressesOf(answer)[0] === '192.0.2.1', 'answered with what nobody had asked for');
    },
  },
  forged('a reply with another ID', (good, query) => withId(good, query.id ^ 0x5555)),
  forged('a reply from another port', (good) => fromOtherPort(good)),
  forged('a reply to another name', (good) => withOtherName(good)),
  forged('a reply to another type', (good) => withOtherType(good)),
  {
    section: 'RFC 5452 §9.2',
    text: 'upstream queries come from many ports with IDs from all of 0–65535 (of 60 queries)',
    only: 'UDP',
    async check(trial) {
      const domain = trial.domain();
      // One after the other: what one batch sends may leave by one port.
      for (let i = 0; i < 60; i++) {
        const client = await trial.udpClient();
        client.send(queryBytes({ name: `n${i}.${domain.name}` }));
        await receive(client);
      }
      const { queries } = domain;
      const ports = new Set(queries.map((query) => query.remotePort)).size;
      must(ports >= 10, ports === 1 ? '1 port' : `${ports} ports`);
      const ids = queries.map((query) => query.id);
      must(new Set(ids).size >= 55, 'IDs repeat');
      must(Math.max(...ids) > 40_000 && Math.min(...ids) < 25_000, 'IDs from a part of the range');
      const steps = ids.slice(1).filter((id, i) => ((id - ids[i]! + 65_536) & 0xffff) < 4).length;
      must(steps < 5, 'IDs in a row');
    },
  },
  {
    section: 'RFC 5452 §9.3',
    text: 'a flood of replies with wrong IDs does not win, and the question is answered',
    async check(trial) {
      const { name } = trial.domain((query) => {
        const bad = reply(query, { answers: [address(66)] });
        const good = later(150, reply(query, { answers: [address(1)] }));
        if (query.transport !== 'udp') return good;
        return [...Array.from({ length: 50 }, (_, i) => withId(bad, query.id + 1 + i)), good];
      }, 'hostile');
      const answer = await trial.ask({ name });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'the forged reply was given');
    },
  },
];
