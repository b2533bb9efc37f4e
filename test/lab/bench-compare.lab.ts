// The side-by-side comparison, as short as it goes: its C programs answer and forward, and a run
// ends with figures.
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import dnsPacket from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFloorPrograms, type FloorPrograms } from '../../bench/compare/floor-programs.ts';
import { Child } from '../../src/base/child-process.ts';
import { freePort } from '../kit/free-port.ts';

let folder = '';
let programs: FloorPrograms;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unloop-floor-'));
  programs = buildFloorPrograms(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a program for as long as `use` takes. */
async function during<T>(program: string, args: readonly string[], use: () => Promise<T>): Promise<T> {
  const child = new Child([program, ...args]);
  try {
    return await use();
  } finally {
    await child.stop();
  }
}

/** Asks until an answer comes: the program may not listen yet. */
async function ask(port: number, query: Buffer): Promise<dnsPacket.DecodedPacket> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  const again = setInterval(() => socket.send(query, port, '127.0.0.1'), 20);
  const reply = await new Promise<Buffer>((resolve) => socket.on('message', resolve));
  clearInterval(again);
  socket.close();
  return dnsPacket.decode(reply);
}

function queryFor(name: string, type: 'A' | 'AAAA', edns: boolean): Buffer {
  const questions = [{ type, name }] as dnsPacket.Question[];
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0 } as dnsPacket.OptAnswer;
  return dnsPacket.encode({
    type: 'query',
    id: 0x1234,
    flags: dnsPacket.RECURSION_DESIRED,
    questions,
    additionals: edns ? [opt] : [],
  });
}

describe('the floor programs', () => {
  it('answer A with one address, other types with nothing, and OPT with OPT', async () => {
    const port = await freePort();
    await during(programs.answer, [String(port)], async () => {
      const plain = await ask(port, queryFor('a.example', 'A', false));
      expect(plain).toMatchObject({ id: 0x1234, rcode: 'NOERROR', flag_rd: true, additionals: [] });
      expect(plain.answers).toMatchObject([{ name: 'a.example', type: 'A', ttl: 3600, data: '192.0.2.1' }]);
      const other = await ask(port, queryFor('a.example', 'AAAA', true));
      expect(other.answers).toEqual([]);
      expect(other.authorities).toMatchObject([{ name: '.', type: 'SOA', ttl: 30, data: { minimum: 30 } }]);
      expect(other.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
    });
  });

  it('answer for the services of a cluster, and say that what search domains make of names is nothing', async () => {
    const port = await freePort();
    await during(programs.answer, [String(port)], async () => {
      const expectRcode = async (name: string, rcode: string) =>
        expect(await ask(port, queryFor(name, 'A', true)), name).toMatchObject({ rcode });
      for (const name of ['web.ns-01.svc.cluster.local', 'www.bench.example', 'local', 'cluster.example'])
        await expectRcode(name, 'NOERROR');
      for (const name of [
        'www.bench.example.ns-01.svc.cluster.local',
        'www.bench.example.cluster.local',
        'www.bench.example.svc.cluster.local',
        'web.ns-01.svc.cluster.local.ns-02.svc.cluster.local',
        'www.bench.missing',
      ])
        await expectRcode(name, 'NXDOMAIN');
      const missing = await ask(port, queryFor('www.bench.missing', 'AAAA', false));
      expect(missing.authorities).toMatchObject([{ type: 'SOA' }]);
    });
  });

  it('answer over TCP, however the messages are split', async () => {
    const port = await freePort();
    await during(programs.answer, [String(port)], async () => {
      await ask(port, queryFor('up.example', 'A', false));
      const message = queryFor('tcp.example', 'A', false);
      const framed = Buffer.concat([Buffer.from([0, message.length]), message]);
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      await new Promise((resolve) => socket.on('connect', resolve));
      let received = Buffer.alloc(0);
      const all = new Promise<void>((resolve) => {
        socket.on('data', (chunk) => {
          received = Buffer.concat([received, chunk]);
          if (received.length >= 3 * (2 + message.length + 16)) resolve();
        });
      });
      socket.write(framed.subarray(0, 5));
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(Buffer.concat([framed.subarray(5), framed, framed]));
      await all;
      const first = dnsPacket.streamDecode(received.subarray(0, 2 + received.readUInt16BE(0)));
      expect(first.answers).toMatchObject([{ name: 'tcp.example', data: '192.0.2.1' }]);
      socket.destroy();
    });
  });

  it('forward, and restore the ID of every client', async () => {
    const [upstreamPort, port] = [await freePort(), await freePort()];
    await during(programs.answer, [String(upstreamPort)], () =>
      during(programs.forward, [String(port), String(upstreamPort)], async () => {
        const replies = await Promise.all(
          ['one', 'two', 'three'].map((name) => ask(port, queryFor(`${name}.example`, 'A', true))),
        );
        expect(replies.map(({ id, questions }) => [id, questions![0]!.name])).toEqual([
          [0x1234, 'one.example'],
          [0x1234, 'two.example'],
          [0x1234, 'three.example'],
        ]);
      }),
    );
  });
});

describe('the comparison', () => {
  it('ends with a table of figures, and writes nothing in a trial run', async () => {
    const args = ['--smoke', '--only', 'unloop', '--only', 'floor', '--only', 'dnsmasq'];
    for (const scenario of ['cached', 'start', 'shed', 'pause', 'names', 'storm'])
      args.push('--only', scenario);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      'dist/bench/compare/main.js',
      ...args,
    ]);
    expect(stdout).toMatch(/\| C floor, echo +\| +\d+\.\d \|/);
    expect(stdout).toMatch(/\| unloop +\| +\d+\.\d \|/);
    expect(stdout).toMatch(/\| dnsmasq +\| +\d+\.\d \|/);
    expect(stdout).toContain('From start to first answer');
    expect(stdout).toMatch(
      /costs unloop \d+\.\d µs, a cached answer with OPT under the same load \d+\.\d µs/,
    );
    expect(stdout).toMatch(
      /the cache full and scraped every second, unloop.s longest answer took \d+\.\d+ ms/,
    );
    expect(stdout).toMatch(/out of 10,000 \d+\.\d µs/);
    expect(stdout).toContain('A forwarding loop: 1,000 queries a second');
    expect(stderr).not.toContain('written:');
  });
});
