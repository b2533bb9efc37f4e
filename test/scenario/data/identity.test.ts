// Questions for the server itself (class CHAOS): never forwarded, REFUSED unless configured
// otherwise.
import { readFileSync } from 'node:fs';
import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { type Answer, queryBytes, readAnswer, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import { startForwarder } from './forwarder.ts';

const CHAOS = 3;
const ASKED = [
  'version.bind',
  'VERSION.Bind',
  'version.server',
  'hostname.bind',
  'id.server',
  'authors.bind',
];
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const chaos = (name: string, type = 'TXT') => ({ name, type, qclass: CHAOS });

describe('version.bind and its like', () => {
  it('are REFUSED and not sent on, over UDP and TCP, with and without EDNS', async () => {
    const f = await startForwarder();
    for (const name of ASKED) {
      for (const edns of [true, false]) {
        for (const ask of [f.udp.bind(f), f.tcp.bind(f)]) {
          const reply = await ask({ ...chaos(name), edns });
          expect(reply).toMatchObject({ rcode: 5, answers: [], ede: edns ? { code: 21 } : null });
          expect(reply.bytes.length).toBeLessThanOrEqual(queryBytes({ ...chaos(name), edns }).length + 6);
        }
      }
      expect(f.asked(name)).toEqual([]);
    }
    await f.close();
  });

  it('pass in class IN, as do other names of class CHAOS', async () => {
    const f = await startForwarder();
    expect(await f.udp({ name: 'version.bind', type: 'TXT' })).toMatchObject({ rcode: 0 });
    expect(await f.udp(chaos('bind.example'))).toMatchObject({ rcode: 0 });
    expect([f.asked('version.bind').length, f.asked('bind.example').length]).toEqual([1, 1]);
    await f.close();
  });

  it('tell what the configuration lets them, in the spelling of the client, and take over a new one', async () => {
    const identity = { version: true, name: 'node-7' };
    const f = await startForwarder({ config: { identity } });
    const told = async (name: string) => {
      const reply = await f.udp(chaos(name));
      expect(reply).toMatchObject({ rcode: 0, truncated: false });
      expect(reply.answers).toHaveLength(1);
      expect(reply.ttl).toBe(0);
      expect(reply.bytes.subarray(12).toString('latin1')).toContain(name.split('.')[0]);
      const [record] = reply.answers as unknown as { data: Buffer[]; class: string }[];
      expect(record!.class).toBe('CH');
      return String(record!.data);
    };
    expect(await told('VersioN.Bind')).toBe(`unloop ${version}`);
    expect(await told('version.server')).toBe(`unloop ${version}`);
    expect(await told('id.server')).toBe('node-7');
    expect(await told('hostname.bind')).toBe('node-7');
    // Nothing else is told, nor to another type.
    expect(await f.udp(chaos('authors.bind'))).toMatchObject({ rcode: 5 });
    expect(await f.udp(chaos('version.bind', 'A'))).toMatchObject({ rcode: 5 });
    expect(ASKED.flatMap((name) => f.asked(name))).toEqual([]);
    await f.close();
  });

  it('are not sent on when they are signed either', async () => {
    const f = await startForwarder();
    const query = Buffer.concat([
      queryBytes({ ...chaos('version.bind'), edns: false }),
      Buffer.from([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]),
    ]);
    query.writeUInt16BE(1, 10);
    for (const client of [await UdpClient.open(f.port), await TcpClient.connect(f.port)]) {
      client.send(query);
      expect(readAnswer(await client.receive())).toMatchObject({ rcode: 5 });
      client.close();
    }
    expect(ASKED.flatMap((name) => f.asked(name))).toEqual([]);
    await f.close();
  });
});

describe('NSID (RFC 5001)', () => {
  const NSID = 3;
  const asking = { options: [{ code: NSID, data: Buffer.alloc(0) }] };

  it('names the replica in answers of every kind to clients that ask, and is not sent on', async () => {
    const f = await startForwarder({ config: { identity: { name: 'node-7' } } });
    const nsidOf = ({ opt }: Answer) =>
      opt?.options.filter(({ code }) => code === NSID).map(({ data }) => Buffer.from(data).toString());
    for (const ask of [f.udp.bind(f), f.tcp.bind(f)]) {
      // Forwarded, from the cache, and made here.
      for (const name of ['www.example', 'www.example', 'invalid'])
        expect(nsidOf(await ask({ name, ...asking })), name).toEqual(['node-7']);
      expect(nsidOf(await ask({ name: 'www.example' }))).toEqual([]);
      expect(nsidOf(await ask({ name: 'www.example', edns: false }))).toBeUndefined();
    }
    const { additionals } = dnsPacket.decode(f.asked('www.example')[0]!.bytes);
    const { options } = additionals!.find(({ type }) => type === 'OPT') as dnsPacket.OptAnswer;
    expect(options.map(({ code }) => code)).not.toContain(NSID);
    await f.close();
  });

  it('is not told without a name', async () => {
    const f = await startForwarder();
    const { opt } = await f.udp({ name: 'www.example', ...asking });
    expect(opt!.options).toEqual([]);
    await f.close();
  });
});
