// A query and its answer: which parts belong to each client, and which pass through unchanged.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { send } from '../../kit/actions.ts';
import { withFlags } from '../../kit/altered-answers.ts';
import { answer, truncated } from '../../kit/answers.ts';
import { askTcp, askUdp, nameBytes, queryBytes, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import { type Forwarder, SOCKETS, startForwarder } from './forwarder.ts';

/** 40 TXT records: about 3,000 bytes. */
const longAnswers = (name: string) =>
  Array.from({ length: 40 }, (_, i) => ({
    type: 'TXT' as const,
    name,
    ttl: 60,
    data: [`${i} ${'x'.repeat(40)}`],
  }));

describe.each(SOCKETS)('forwarding over the $socket', ({ native }) => {
  let f: Forwarder;
  beforeAll(async () => {
    f = await startForwarder({ native });
  });
  beforeEach(() => f.mark());
  afterAll(() => f.close());

  describe.each([
    { transport: 'UDP', ask: askUdp },
    { transport: 'TCP', ask: askTcp },
  ])('$transport', ({ transport, ask }) => {
    const name = (label: string) => `${label}.${transport.toLowerCase()}.example`;

    it('answers with the upstream’s records, the client’s ID and RA', async () => {
      f.on(name('www'), (query) => answer(query, { address: '192.0.2.77', ttl: 120 }));
      const reply = await ask(f.port, { name: name('www'), id: 0xbeef });
      expect(reply).toMatchObject({
        id: 0xbeef,
        rcode: 0,
        isResponse: true,
        recursionAvailable: true,
        ttl: 120,
      });
      expect(reply.answers).toMatchObject([{ type: 'A', data: '192.0.2.77' }]);
    });

    it('echoes QNAME’s case (RFC 1035 §2.3.3), from the upstream and from the cache', async () => {
      const first = await ask(f.port, { name: `HoSt.${name('case')}` });
      const second = await ask(f.port, { name: `hOsT.${name('case').toUpperCase()}` });
      expect(first.name).toBe(`HoSt.${name('case')}`);
      expect(second.name).toBe(`hOsT.${name('case').toUpperCase()}`);
      expect(second.answers).toHaveLength(1);
      expect(await f.questions(`host.${name('case')}`)).toBe(1);
    });

    it('adds OPT where the query had it, and only there (RFC 6891 §6.1.1)', async () => {
      for (const round of ['from the upstream', 'from the cache']) {
        const bare = await ask(f.port, { name: name('opt'), edns: false });
        const withOpt = await ask(f.port, { name: name('opt'), udpSize: 4096 });
        expect(bare.opt, round).toBeNull();
        expect(withOpt.opt, round).toMatchObject({ udpSize: 1232, dnssecOk: false });
        expect(withOpt.answers, round).toHaveLength(1);
      }
    });

    it('passes RD and CD on and returns them to each client', async () => {
      const plain = await ask(f.port, { name: name('flags') });
      const checking = await ask(f.port, { name: name('flags'), checkingDisabled: true });
      const iterative = await ask(f.port, { name: name('flags'), recursionDesired: false });
      expect(plain).toMatchObject({ recursionDesired: true, checkingDisabled: false });
      expect(checking).toMatchObject({ recursionDesired: true, checkingDisabled: true });
      expect(iterative).toMatchObject({ recursionDesired: false, checkingDisabled: false });
      const flags = f.asked(name('flags')).map((query) => query.bytes.readUInt16BE(2) & 0x0110);
      expect([...new Set(flags)]).toEqual([0x0100, 0x0110, 0x0000]);
    });

    it('asks with DO for who asks with DO, and keeps the answers apart (RFC 8906 §6)', async () => {
      f.on(name('do'), (query) => {
        const flags = query.hasOpt ? query.bytes.indexOf(Buffer.from([0, 0, 41])) + 7 : 0;
        const dnssecOk = flags > 0 && (query.bytes[flags]! & 0x80) !== 0;
        return answer(query, { address: dnssecOk ? '192.0.2.2' : '192.0.2.1' });
      });
      for (const dnssecOk of [false, true, false, true]) {
        const reply = await ask(f.port, { name: name('do'), dnssecOk });
        expect(reply.answers).toMatchObject([{ data: dnssecOk ? '192.0.2.2' : '192.0.2.1' }]);
        expect(reply.opt).toMatchObject({ dnssecOk });
      }
      expect(await f.questions(name('do'))).toBe(2);
    });

    it('gives AD to those who asked for it or for DNSSEC (RFC 6840 §5.8)', async () => {
      f.on(name('ad'), (query) => withFlags(answer(query), (flags) => flags | 0x0020));
      expect(await ask(f.port, { name: name('ad') })).toMatchObject({ authenticData: false });
      expect(await ask(f.port, { name: name('ad'), authenticData: true })).toMatchObject({
        authenticData: true,
      });
      expect(await ask(f.port, { name: name('ad'), dnssecOk: true })).toMatchObject({ authenticData: true });
    });

    it('passes unknown types and classes as they are (RFC 3597)', async () => {
      const rdata = Buffer.from([0xc0, 0x0c, 0xff, 0x00, 0x01]);
      f.on(name('unknown'), (query) => {
        const header = Buffer.from(query.bytes.subarray(0, 12));
        header.writeUInt16BE(0x8180, 2);
        header.writeUInt16BE(1, 6);
        header.writeUInt16BE(0, 10);
        const question = query.bytes.subarray(12, 12 + nameBytes(name('unknown')).length + 4);
        // NAME points to the question; TYPE65280 CLASS 65281 TTL 60 RDLENGTH 5
        const record = Buffer.from([0xc0, 0x0c, 0xff, 0x00, 0xff, 0x01, 0, 0, 0, 60, 0, 5]);
        return send(Buffer.concat([header, question, record, rdata]));
      });
      for (const round of ['from the upstream', 'from the cache']) {
        const reply = await ask(f.port, { name: name('unknown'), type: 65280, qclass: 65281, edns: false });
        expect(reply.rcode, round).toBe(0);
        expect(reply.bytes.subarray(-5), round).toEqual(rdata);
      }
      expect(await f.questions(name('unknown'))).toBe(1);
    });

    it('passes a signed query verbatim save for its ID, and its answer too; neither is cached (RFC 5625 §4.5)', async () => {
      const tsig = Buffer.concat([
        nameBytes('key.example'),
        // TYPE 250, CLASS ANY, TTL 0, RDLENGTH 4
        Buffer.from([0, 250, 0, 255, 0, 0, 0, 0, 0, 4, 0xde, 0xad, 0xbe, 0xef]),
      ]);
      const query = Buffer.concat([queryBytes({ name: `SiGnEd.${name('tsig')}`, edns: false }), tsig]);
      query.writeUInt16BE(1, 10);
      f.on(`signed.${name('tsig')}`, (received) => {
        const reply = Buffer.concat([received.bytes]);
        reply.writeUInt16BE(0x8580, 2);
        return send(reply);
      });
      for (let round = 0; round < 2; round++) {
        const reply = await ask(f.port, Buffer.from(query));
        expect(reply.bytes.subarray(4)).toEqual(query.subarray(4));
        expect(reply.bytes.subarray(0, 2)).toEqual(query.subarray(0, 2));
      }
      const received = f.asked(`signed.${name('tsig')}`);
      expect(received.length).toBeGreaterThanOrEqual(2);
      for (const { bytes } of received) expect(bytes.subarray(2)).toEqual(query.subarray(2));
    });

    it('passes rcodes it does not know about', async () => {
      f.on(name('yxdomain'), (query) => answer(query, { rcode: 6, answers: [] }));
      expect(await ask(f.port, { name: name('yxdomain') })).toMatchObject({ rcode: 6 });
    });

    it('asks for the root', async () => {
      expect(await ask(f.port, { name: '.', type: 'NS' })).toMatchObject({
        rcode: 0,
        answers: [{ type: 'NS' }],
      });
    });

    it('carries a name of 255 bytes with labels of 63', async () => {
      const label = transport[0]!.toLowerCase().repeat(63);
      const longest = [label, label, label, label.slice(2)].join('.');
      expect(nameBytes(longest)).toHaveLength(255);
      expect(await ask(f.port, { name: longest })).toMatchObject({ rcode: 0, name: longest });
    });
  });

  it('asks over TCP when the answer was truncated, and gives it whole over TCP (RFC 7766 §5)', async () => {
    f.on('long.example', (query) =>
      query.transport === 'udp' ? truncated(query) : answer(query, { answers: longAnswers('long.example') }),
    );
    const whole = await f.tcp({ name: 'long.example', type: 'TXT' });
    expect(whole.truncated).toBe(false);
    expect(whole.answers).toHaveLength(40);
    const transports = f.asked('long.example').map((query) => query.transport);
    expect([...new Set(transports)]).toEqual(['udp', 'tcp']);
  });

  it('sets TC where the answer does not fit the client, by what the client takes (RFC 1035 §4.2.1, RFC 6891 §6.2.3)', async () => {
    // 10 records of about 80 bytes: more than 512, less than 1232.
    f.on('middle.example', (query) =>
      answer(query, {
        answers: Array.from({ length: 10 }, (_, i) => ({
          type: 'TXT' as const,
          name: 'middle.example',
          ttl: 60,
          data: [`${i}${'y'.repeat(50)}`],
        })),
      }),
    );
    for (const round of ['from the upstream', 'from the cache']) {
      const none = await f.udp({ name: 'middle.example', type: 'TXT', edns: false });
      expect(none, round).toMatchObject({ truncated: true, rcode: 0 });
      expect(none.bytes.length, round).toBeLessThanOrEqual(512);
      // Less than 512 means 512.
      expect(await f.udp({ name: 'middle.example', type: 'TXT', udpSize: 100 }), round).toMatchObject({
        truncated: true,
      });
      const large = await f.udp({ name: 'middle.example', type: 'TXT', udpSize: 1232 });
      expect(large, round).toMatchObject({ truncated: false });
      expect(large.answers, round).toHaveLength(10);
      expect((await f.tcp({ name: 'middle.example', type: 'TXT', edns: false })).answers, round).toHaveLength(
        10,
      );
    }
    expect(await f.questions('middle.example')).toBe(1);
  });

  it('sends no more than 1232 bytes over UDP, whatever the client takes (RFC 9715)', async () => {
    f.on('huge.example', (query) =>
      query.transport === 'udp' ? truncated(query) : answer(query, { answers: longAnswers('huge.example') }),
    );
    const reply = await f.udp({ name: 'huge.example', type: 'TXT', udpSize: 65535 });
    expect(reply.truncated).toBe(true);
    expect(reply.bytes.length).toBeLessThanOrEqual(1232);
    expect((await f.tcp({ name: 'huge.example', type: 'TXT' })).answers).toHaveLength(40);
  });

  it('carries an answer of 64 KiB over TCP, twice', async () => {
    const answers = Array.from({ length: 250 }, () => ({
      type: 'TXT' as const,
      name: 'giant.example',
      ttl: 60,
      data: ['z'.repeat(225)],
    }));
    f.on('giant.example', (query) =>
      query.transport === 'udp' ? truncated(query) : answer(query, { answers }),
    );
    for (let round = 0; round < 2; round++) {
      const reply = await f.tcp({ name: 'giant.example', type: 'TXT' });
      expect(reply.bytes.length).toBeGreaterThan(60_000);
      expect(reply.answers).toHaveLength(250);
    }
  });

  it('answers many clients at once, each with its own ID and name', async () => {
    const client = await UdpClient.open(f.port);
    for (let i = 0; i < 150; i++) client.send(queryBytes({ name: `n${i}.many.example`, id: i }));
    const seen = new Map<number, string>();
    for (let i = 0; i < 150; i++) {
      const bytes = await client.receive();
      seen.set(bytes.readUInt16BE(0), bytes.subarray(13, 13 + bytes[12]!).toString());
    }
    client.close();
    expect([...seen].sort(([a], [b]) => a - b)).toEqual(Array.from({ length: 150 }, (_, i) => [i, `n${i}`]));
  });

  it('counts queries and responses by transport and rcode', async () => {
    const before = await f.unloop.metrics();
    await f.udp({ name: 'counted.example' });
    const stream = await TcpClient.connect(f.port);
    stream.send(queryBytes({ name: 'counted.example' }));
    await stream.receive();
    stream.close();
    const after = await f.unloop.metrics();
    const grown = (name: string, labels: Record<string, string>) =>
      after.value(name, labels) - before.value(name, labels);
    expect(grown('unloop_queries_total', { proto: 'udp' })).toBe(1);
    expect(grown('unloop_queries_total', { proto: 'tcp' })).toBe(1);
    expect(grown('unloop_responses_total', { rcode: 'NOERROR' })).toBe(2);
    expect(grown('unloop_cache_hits_total', {})).toBe(1);
    expect(grown('unloop_cache_misses_total', {})).toBe(1);
  });
});

describe('IPv6', () => {
  it('is listened on and forwarded to', async () => {
    const f = await startForwarder({ config: { listen: ['[::1]:0'] }, upstream: { address: '::1' } });
    expect((await askUdp(f.port, { name: 'six.example' }, '::1')).answers).toHaveLength(1);
    expect((await askTcp(f.port, { name: 'six.example' }, '::1')).answers).toHaveLength(1);
    expect(await f.questions('six.example')).toBe(1);
    await f.close();
  });
});
