// HTTPS upstreams that break HTTP/2 on purpose: they cost little memory, their connections end, and
// questions for another upstream get answers all the time.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { answer } from '../kit/answers.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { askUdp, queryBytes, UdpClient } from '../kit/dns-client.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import {
  END_HEADERS,
  END_STREAM,
  FrameType,
  field,
  frame,
  PREFACE_LENGTH,
  STATUS_200,
  settings,
} from './http2-frames.ts';

const RUN_MS = 3000;
const MAX_GROWTH_MIB = 64;
/**
 * On one connection, what the kernel holds included: unloop looks ten times a second whether more
 * than 1 MiB answers nothing.
 */
const MAX_CONNECTION_BYTES = 128 * 2 ** 20;
/** Written before the event loop goes on. */
const FLOOD_BYTES = 64 * 1024;
const DNS_MESSAGE = field('content-type', 'application/dns-message');
const { data, headers, continuation, rstStream, pushPromise, ping, goaway, windowUpdate } = FrameType;

interface Hostile {
  readonly what: string;
  /** Default: none but the defaults. */
  readonly settings?: Buffer;
  /** Sent once for each request. */
  readonly once?: (stream: number) => Buffer;
  /** Sent forever after the first request. */
  readonly flood?: (stream: number) => Buffer;
}

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const SERVERS: readonly Hostile[] = [
  {
    what: 'one header field of 4,000 bytes, referred to 16,000 times',
    once: (stream) =>
      frame(
        headers,
        END_HEADERS,
        stream,
        Buffer.concat([STATUS_200, field('x', 'y'.repeat(4000), true), Buffer.alloc(12_000, 0xbe)]),
      ),
  },
  {
    what: 'header fields without end (CONTINUATION)',
    once: (stream) => frame(headers, 0, stream, STATUS_200),
    flood: (stream) => frame(continuation, 0, stream, field('x', 'y'.repeat(8000))),
  },
  {
    what: 'empty CONTINUATION frames without end',
    once: (stream) => frame(headers, 0, stream, STATUS_200),
    flood: (stream) => frame(continuation, 0, stream),
  },
  {
    what: 'interim responses without end',
    flood: (stream) => frame(headers, END_HEADERS, stream, field(':status', '103')),
  },
  { what: 'streams reset at once', once: (stream) => frame(rstStream, 0, stream, word(8)) },
  { what: 'RST_STREAM without end', flood: (stream) => frame(rstStream, 0, stream, word(8)) },
  { what: 'SETTINGS without end', flood: () => settings([4, 65_535]) },
  { what: 'PING without end', flood: () => frame(ping, 0, 0, Buffer.alloc(8)) },
  { what: 'WINDOW_UPDATE without end', flood: () => frame(windowUpdate, 0, 0, word(1)) },
  { what: 'a window that overflows', once: () => frame(windowUpdate, 0, 0, word(0x7fff_ffff)) },
  { what: 'no window for the request’s body', settings: settings([4, 0]) },
  { what: 'no streams at all', settings: settings([3, 0]) },
  { what: 'a header table of 4 GiB', settings: settings([1, 0xffff_ffff], [5, 0xff_ffff]) },
  { what: 'no settings', settings: Buffer.alloc(0) },
  {
    what: 'pushed streams',
    flood: (stream) => frame(pushPromise, END_HEADERS, stream, Buffer.concat([word(2), STATUS_200])),
  },
  {
    what: 'GOAWAY without end',
    flood: () => frame(goaway, 0, 0, Buffer.concat([word(0x7fff_ffff), word(0)])),
  },
  {
    what: 'more content than content-length says',
    once: (stream) =>
      Buffer.concat([
        frame(
          headers,
          END_HEADERS,
          stream,
          Buffer.concat([STATUS_200, DNS_MESSAGE, field('content-length', '10')]),
        ),
        frame(data, END_STREAM, stream, Buffer.alloc(500)),
      ]),
  },
  {
    what: 'less content than content-length says',
    once: (stream) =>
      Buffer.concat([
        frame(
          headers,
          END_HEADERS,
          stream,
          Buffer.concat([STATUS_200, DNS_MESSAGE, field('content-length', '9'.repeat(18))]),
        ),
        frame(data, END_STREAM, stream, Buffer.alloc(500)),
      ]),
  },
  {
    what: 'content without end',
    once: (stream) => frame(headers, END_HEADERS, stream, Buffer.concat([STATUS_200, DNS_MESSAGE])),
    flood: (stream) => frame(data, 0, stream, Buffer.alloc(4000)),
  },
  {
    what: 'empty content without end',
    once: (stream) => frame(headers, END_HEADERS, stream, Buffer.concat([STATUS_200, DNS_MESSAGE])),
    flood: (stream) => frame(data, 0, stream),
  },
];

let authority: TestAuthority;
beforeAll(() => {
  authority = new TestAuthority();
});
afterAll(() => authority.remove());

/** Streams that requests begin, in what a client has sent. */
function* requests(bytes: Buffer): Generator<number> {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === headers) yield bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
  }
}

/** Reads no more than the beginnings of requests; a frame that is cut is a request missed. */
async function startHostile(hostile: Hostile) {
  /** On one connection. */
  let mostBytes = 0;
  const server = tls.createServer({ ...authority.issue(['127.0.0.1']), ALPNProtocols: ['h2'] }, (socket) => {
    let hasPreface = false;
    let isFlooding = false;
    const flood = (bytes: Buffer): void => {
      if (socket.destroyed) return;
      if (socket.write(bytes)) setImmediate(flood, bytes);
      else socket.once('drain', () => setImmediate(flood, bytes));
    };
    socket.on('error', () => {});
    socket.on('close', () => {
      mostBytes = Math.max(mostBytes, socket.bytesWritten);
    });
    socket.write(hostile.settings ?? settings());
    socket.on('data', (chunk: Buffer) => {
      for (const stream of requests(hasPreface ? chunk : chunk.subarray(PREFACE_LENGTH))) {
        if (hostile.once !== undefined) socket.write(hostile.once(stream));
        if (hostile.flood === undefined || isFlooding) continue;
        isFlooding = true;
        const unit = hostile.flood(stream);
        flood(Buffer.concat(Array.from({ length: Math.ceil(FLOOD_BYTES / unit.length) }, () => unit)));
      }
      hasPreface = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    mostBytes: () => mostBytes,
  };
}

const rssMib = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;

describe('an HTTP/2 server that sends', () => {
  it.each(SERVERS)('$what costs no other client an answer', async (hostile) => {
    const bad = await startHostile(hostile);
    const good = await startScriptedUpstream((query) => answer(query));
    onTestFinished(() => good.close());
    const unloop = await startUnloop({
      config: {
        workers: 1,
        forward: { deadline: '4s' },
        upstreams: [`https://127.0.0.1:${bad.port}/dns-query`],
        zones: { 'good.example': { upstreams: [`127.0.0.1:${good.port}`] } },
        loop: { probe: { onStart: false, interval: '0s' } },
      },
      env: { NODE_EXTRA_CA_CERTS: authority.caPath },
    });
    expect(await askUdp(unloop.port, { name: 'first.good.example' })).toMatchObject({ rcode: 0 });
    const startMib = rssMib(unloop.child.pid);
    let mostMib = startMib;
    const attacked = await UdpClient.open(unloop.port, '127.0.0.1', '127.0.0.2');
    const rcodes: number[] = [];
    const endMs = performance.now() + RUN_MS;
    for (let i = 0; performance.now() < endMs; i++) {
      attacked.send(queryBytes({ name: `n${i}.bad.example`, id: i & 0xffff }));
      rcodes.push((await askUdp(unloop.port, { name: `n${i}.good.example` })).rcode);
      mostMib = Math.max(mostMib, rssMib(unloop.child.pid));
      await sleep(20);
    }
    expect(rcodes.filter((rcode) => rcode !== 0)).toEqual([]);
    expect((await attacked.receive()).readUInt16BE(2) & 15).toBe(2);
    attacked.close();
    if (process.env.HOSTILE_FIGURES)
      console.log(
        hostile.what,
        rcodes.length,
        Math.round(mostMib - startMib),
        (bad.mostBytes() / 2 ** 20).toFixed(1),
      );
    expect(mostMib - startMib).toBeLessThan(MAX_GROWTH_MIB);
    expect(bad.mostBytes()).toBeLessThan(MAX_CONNECTION_BYTES);
    expect(await unloop.stop()).toBe(0);
  });
});
