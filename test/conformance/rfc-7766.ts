// RFC 7766 (DNS over TCP) and RFC 7828 (edns-tcp-keepalive).

import { later } from '../kit/actions.ts';
import { framed, queryBytes } from '../kit/dns-client.ts';
import { FLAG, mustAnswer, mustBe } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, byTransport, firstQuery, optionCodes, reply, text } from './stage.ts';
import { pause, receive } from './trial.ts';

const KEEPALIVE = 11;
const NO_DATA = new Uint8Array(0);

export const RFC_7766: readonly Requirement[] = [
  {
    section: 'RFC 7766 §6.2.1',
    text: 'a connection serves one query after the other',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain();
      const client = await trial.tcpClient();
      for (let i = 0; i < 5; i++) {
        client.send(queryBytes({ name: `n${i}.${name}` }));
        mustAnswer(await receive(client));
      }
    },
  },
  {
    section: 'RFC 7766 §6.2.1.1',
    text: 'queries may be sent without waiting for answers: of 50 in one segment every one is answered',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain();
      const client = await trial.tcpClient();
      const queries = Array.from({ length: 50 }, (_, id) =>
        framed(queryBytes({ name: `n${id}.${name}`, id })),
      );
      client.write(Buffer.concat(queries));
      const ids = new Set<number>();
      for (let i = 0; i < 50; i++) {
        const answer = await receive(client);
        mustBe(answer, 0);
        ids.add(answer.id);
      }
      must(ids.size === 50, `${ids.size} of 50 answered`);
    },
  },
  {
    section: 'RFC 7766 §6.2.2',
    text: 'upstream connections are reused: five TC answers one after the other, at most two connections',
    async check(trial) {
      const domain = trial.domain((query) =>
        byTransport(
          query,
          () => reply(query, { flags: FLAG.TC }),
          () => reply(query, { answers: [text(2000)] }),
        ),
      );
      // Other requirements use the same server, and may have several connections open for a while.
      let used = 0;
      for (let round = 0; round < 3; round++) {
        if (round > 0) await pause(2000);
        const before = domain.queries.length;
        for (let i = 0; i < 5; i++) await trial.ask({ name: `n${round}${i}.${domain.name}`, type: 'TXT' });
        const streams = domain.queries.slice(before).filter((query) => query.transport === 'tcp');
        must(streams.length >= 5, `${streams.length} of 5 over TCP`);
        used = new Set(streams.map((query) => query.connection)).size;
        if (used <= 2) return;
      }
      must(false, `${used} connections`);
    },
  },
  {
    section: 'RFC 7766 §6.2.3',
    text: 'bytes that are no whole query do not keep a connection open (a byte every 100 ms, idle time 3 s)',
    only: 'TCP',
    async check(trial) {
      const client = await trial.tcpClient();
      let open = true;
      void client.closed.then(() => {
        open = false;
      });
      client.write(Buffer.from([2, 0]));
      const end = Date.now() + 7000;
      while (open && Date.now() < end) {
        client.write(Buffer.from([0]));
        await pause(100);
      }
      must(!open, 'open after 7 s');
    },
  },
  {
    section: 'RFC 7766 §6.2.3',
    text: 'a connection in use stays open: a query a second for 5 s, idle time 3 s',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain();
      const client = await trial.tcpClient();
      for (let i = 0; i < 6; i++) {
        client.send(queryBytes({ name }));
        mustAnswer(await receive(client));
        await pause(1000);
      }
    },
  },
  {
    section: 'RFC 7766 §6.2.4',
    text: 'a client that has gone is not answered, and no other client is affected',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain((query) => later(200, reply(query, { answers: [address()] })), 'slow');
      const gone = await trial.tcpClient();
      gone.send(queryBytes({ name }));
      await pause(50);
      gone.close();
      mustAnswer(await trial.ask({ name }));
    },
  },
  {
    section: 'RFC 7766 §7',
    text: 'answers come as they are ready: a quick one overtakes a slow one',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain((query) => {
        const good = reply(query, { answers: [address()] });
        return query.name.toLowerCase().startsWith('slow.') ? later(800, good) : good;
      }, 'slow');
      const client = await trial.tcpClient();
      client.send(queryBytes({ name: `slow.${name}`, id: 1 }));
      client.send(queryBytes({ name: `quick.${name}`, id: 2 }));
      const order = [(await receive(client)).id, (await receive(client)).id];
      must(order.join() === '2,1', 'the quick one waited');
    },
  },
  {
    section: 'RFC 7766 §8',
    text: 'a query that comes in pieces is answered, its length cut in two',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain();
      const client = await trial.tcpClient();
      const bytes = framed(queryBytes({ name }));
      for (const [from, to] of [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 20],
        [20, bytes.length],
      ]) {
        client.write(bytes.subarray(from, to));
        await pause(20);
      }
      mustAnswer(await receive(client));
    },
  },
  {
    section: 'RFC 7828 §3.3.1',
    text: 'edns-tcp-keepalive over UDP is ignored: answered, and not echoed',
    only: 'UDP',
    async check(trial) {
      const { name } = trial.domain();
      const answer = await trial.ask({ name, options: [{ code: KEEPALIVE, data: NO_DATA }] });
      mustAnswer(answer);
      must(answer.opt?.options.every(({ code }) => code !== KEEPALIVE) === true, 'echoed');
    },
  },
  {
    section: 'RFC 7828 §3.3.2',
    text: 'a client that sends edns-tcp-keepalive over TCP is told the idle time, in cached and fresh answers and in errors',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain((query) =>
        query.name.toLowerCase().startsWith('bad.')
          ? reply(query, { rcode: 2 })
          : reply(query, { answers: [address()] }),
      );
      const client = await trial.tcpClient();
      for (const asked of [name, name, `bad.${name}`]) {
        client.send(queryBytes({ name: asked, options: [{ code: KEEPALIVE, data: NO_DATA }] }));
        const answer = await receive(client);
        const found = answer.opt?.options.find(({ code }) => code === KEEPALIVE);
        must(found !== undefined, 'not told');
        must(found.data.length === 2, `${found.data.length} bytes`);
        const tenths = Buffer.from(found.data).readUInt16BE();
        must(tenths >= 1 && tenths <= 1200, `${tenths / 10} s`);
      }
    },
  },
  {
    section: 'RFC 7828 §3.3.2',
    text: 'a client that sends no OPT over TCP is not told',
    only: 'TCP',
    async check(trial) {
      const { name } = trial.domain();
      const answer = await trial.ask({ name, edns: false });
      mustAnswer(answer);
      must(answer.opt === null, 'OPT for a query without');
    },
  },
  {
    section: 'RFC 7828 §4',
    text: "edns-tcp-keepalive ends at each leg: a client's is not sent on",
    async check(trial) {
      const domain = trial.domain();
      await trial.ask({ name: domain.name, options: [{ code: KEEPALIVE, data: NO_DATA }] });
      firstQuery(domain);
      for (const { transport, bytes } of domain.queries) {
        must(transport !== 'udp' || !optionCodes(bytes).includes(KEEPALIVE), 'sent on over UDP');
      }
    },
  },
];
