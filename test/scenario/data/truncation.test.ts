// Answers that are too long for a client, or were truncated upstream: TC, and as many whole records
// as fit.
import { describe, expect, it } from 'vitest';
import { withFlags } from '../../kit/altered-answers.ts';
import { answer, truncated } from '../../kit/answers.ts';
import { type Answer, queryBytes, readAnswer, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import { SOCKETS, startForwarder } from './forwarder.ts';

const TC = 0x0200;
const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    type: 'A' as const,
    name: 'long.example',
    ttl: 300,
    data: `192.0.2.${i}`,
  }));

function addressesOf(reply: Answer): string[] {
  return reply.answers.flatMap((record) => (record.type === 'A' ? [record.data] : []));
}

describe.each(SOCKETS)('over the $socket', ({ native }) => {
  it('a truncated answer is passed on with TC and its records where TCP is refused, and is not kept', async () => {
    const f = await startForwarder({ native, upstream: { tcp: false } });
    const answers = addresses(28);
    f.on('cut.example', (query) => withFlags(answer(query, { answers }), (flags) => flags | TC));
    for (let turn = 1; turn <= 2; turn++) {
      const reply = await f.udp({ name: 'cut.example' });
      expect(reply).toMatchObject({ rcode: 0, truncated: true });
      expect(addressesOf(reply)).toEqual(answers.map(({ data }) => data));
      // Asked again each time: neither the answer nor a failure was stored.
      expect(f.asked('cut.example').length).toBeGreaterThanOrEqual(turn);
    }
    // Without OPT it takes 512 bytes: header and question take 29, a record 16 with a pointer, 28
    // with its name.
    const small = await f.udp({ name: 'cut.example', edns: false });
    expect(small).toMatchObject({ rcode: 0, truncated: true, opt: null });
    expect(addressesOf(small)).toEqual(answers.slice(0, addressesOf(small).length).map(({ data }) => data));
    expect(small.answers.length).toBeGreaterThan(10);
    expect(small.bytes.length).toBeLessThanOrEqual(512);
    expect(small.bytes.length).toBeGreaterThan(512 - 28);
    // A TCP client gets it as well: there is nothing better.
    expect(await f.tcp({ name: 'cut.example' })).toMatchObject({ rcode: 0, truncated: true });
    await f.close();
  });

  it('a truncated answer without records is passed on as such; SERVFAIL with TC is not', async () => {
    const f = await startForwarder({ native, upstream: { tcp: false } });
    f.on('bare.example', (query) => truncated(query));
    f.on('fails.example', (query) =>
      withFlags(answer(query, { answers: [], rcode: 2 }), (flags) => flags | TC),
    );
    expect(await f.udp({ name: 'bare.example' })).toMatchObject({ rcode: 0, truncated: true, answers: [] });
    // Over TCP that would pass for "no such records": nobody looks at TC there.
    expect(await f.tcp({ name: 'bare.example' })).toMatchObject({
      rcode: 2,
      truncated: false,
      ede: { code: 22 },
    });
    expect(await f.udp({ name: 'fails.example' })).toMatchObject({ rcode: 2 });
    await f.close();
  });

  it('the whole is taken as soon as TCP brings it', async () => {
    const f = await startForwarder({ native });
    // TC over TCP too: as good as no TCP, until the whole comes.
    let cut = true;
    f.on('cut.example', (query) => {
      const whole = answer(query, { answers: addresses(3) });
      return cut || query.transport === 'udp' ? withFlags(whole, (flags) => flags | TC) : whole;
    });
    expect(await f.udp({ name: 'cut.example' })).toMatchObject({ rcode: 0, truncated: true });
    cut = false;
    expect(await f.udp({ name: 'cut.example' })).toMatchObject({ rcode: 0, truncated: false });
    await f.close();
  });

  it('what is too long for a client has TC and the whole records that fit, fresh and from the cache', async () => {
    const f = await startForwarder({ native });
    const answers = addresses(200);
    f.on('long.example', (query) =>
      query.transport === 'udp' ? truncated(query) : answer(query, { answers }),
    );
    const seen: number[] = [];
    for (const edns of [true, false, true, false]) {
      const reply = await f.udp({ name: 'long.example', edns });
      expect(reply).toMatchObject({ rcode: 0, truncated: true });
      const limit = edns ? 1232 : 512;
      expect(reply.bytes.length).toBeLessThanOrEqual(limit);
      // No whole record more would have fitted: none here takes more than 28 bytes.
      expect(reply.bytes.length).toBeGreaterThan(limit - 28);
      const got = addressesOf(reply);
      expect(got).toEqual(answers.slice(0, got.length).map(({ data }) => data));
      seen.push(got.length);
    }
    expect(seen.slice(2)).toEqual(seen.slice(0, 2));
    // One upstream question brought all of that, and the whole is there over TCP.
    const whole = await f.tcp({ name: 'long.example' });
    expect(whole.truncated).toBe(false);
    expect(whole.answers).toHaveLength(200);
    const overTcp = f.asked('long.example').filter(({ transport }) => transport === 'tcp').length;
    const failures = (await f.unloop.metrics()).value('unloop_upstream_failures_total', {
      reason: 'timeout',
    });
    expect(overTcp).toBeGreaterThanOrEqual(1);
    // A stalled machine repeats it, and counts that.
    expect(overTcp).toBeLessThanOrEqual(1 + failures);
    await f.close();
  });
});

it('a signed query gets the truncated answer as it is, where TCP is refused', async () => {
  const f = await startForwarder({ upstream: { tcp: false } });
  f.on('signed.example', (query) => truncated(query));
  // A record of any kind behind the question makes a query one that is not changed.
  const query = Buffer.concat([
    queryBytes({ name: 'signed.example', edns: false }),
    Buffer.from([0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 2, 1, 0x61]),
  ]);
  query.writeUInt16BE(1, 10);
  for (const client of [await UdpClient.open(f.port), await TcpClient.connect(f.port)]) {
    client.send(query);
    const reply = readAnswer(await client.receive());
    expect(reply).toMatchObject({ rcode: 0, truncated: true, id: query.readUInt16BE(0) });
    client.close();
  }
  await f.close();
});
