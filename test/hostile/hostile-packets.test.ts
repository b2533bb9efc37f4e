// A running process under mutated queries over UDP and TCP, while its upstream sends mutated
// replies: it keeps running, and every question with a known answer gets it. HOSTILE_PACKETS sets
// the number of packets (npm run hostile: a million), HOSTILE_RESULT names a file for the figures.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parsePeer } from '../../src/io/peer.ts';
import { readCorpus } from '../fuzz/corpus.ts';
import { queryBytes } from '../kit/dns-client.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { attackOverTcp, Findings, UdpAttacker } from './attackers.ts';
import { liar, truthful, Upstream } from './servers.ts';
import { TruthClient } from './truth-client.ts';

const PACKETS = Number(process.env.HOSTILE_PACKETS ?? 50_000);
/** With the addon all of them; a share by way of node:dgram, which is for machines without it. */
const SOCKETS_UNDER_ATTACK = [
  { socket: 'batched socket', native: true, packets: PACKETS },
  { socket: 'node:dgram', native: false, packets: Math.ceil(PACKETS / 5) },
] as const;
/** The share of them over TCP. */
const TCP_SHARE = 0.1;
const SOCKETS = 8;
const CONNECTIONS = 4;
const SEED = 20_261_125;
/**
 * Memory grows to a plateau: at first quickly, then less and less. What leaks grows on: in the
 * second half as much as in the first. Half of that, and some MiB, as V8's heap and malloc's arenas
 * breathe.
 */
const MAX_GROWTH_SHARE = 0.5;
const BREATH_MIB = 24;
/** Longer than a busy machine stops this process, in which the upstreams are. */
const DEADLINE_MS = 8000;
/** Until late replies are not waited for any more. */
const LATE_MS = 3500;

const corpus = fileURLToPath(new URL('../fuzz/corpus', import.meta.url));
const queries = readCorpus(corpus, 'query');
const replies = readCorpus(corpus, 'records');
/** Names that are known to have one address each, asked for again and again, in both spellings. */
const known = Array.from({ length: 64 }, (_, i) =>
  Uint8Array.from(
    queryBytes({ name: `${i % 2 === 0 ? 'Known' : 'known'}${i}.true.example`, edns: i % 3 === 0 }),
  ),
);

const results: object[] = [];

describe('hostile packets', () => {
  it.each(SOCKETS_UNDER_ATTACK)('$packets of them change nothing: $socket', async ({
    socket,
    native,
    packets,
  }) => {
    const tcpPackets = Math.floor(packets * TCP_SHARE);
    const truth = await Upstream.start(truthful);
    const victims = known.map((query) => query.slice(12, query.length - (query[11] === 1 ? 15 : 4)));
    const lies = await Upstream.start(liar(SEED, replies, victims));
    const unloop = await startUnloop({
      native,
      config: {
        workers: 2,
        upstreams: [`127.0.0.1:${lies.port}`],
        zones: { 'true.example': { upstreams: [`127.0.0.1:${truth.port}`] } },
        // The upstreams are in this process, which a busy machine may stop for a while: that shall
        // not take them out of use.
        forward: { deadline: `${DEADLINE_MS}ms`, healthCheck: { interval: '500ms', maxFails: 100 } },
        // Attackers and honest client have one address: it would be sent to TCP for the flood.
        limits: { perClientWaiting: 0 },
        cache: { maxEntries: 2000, maxBytes: '2MiB' },
      },
    });
    const findings = new Findings();
    const client = await TruthClient.open(unloop.port, 'true.example');
    const usage = new Usage(unloop.child.pid);
    const startMs = performance.now();
    client.start();
    const target = parsePeer('127.0.0.1', unloop.port)!;
    const seeds = [...queries, ...replies.slice(0, 6), ...known.slice(0, 6)];
    const attackers = Array.from(
      { length: SOCKETS },
      (_, i) => new UdpAttacker(target, SEED + i, seeds, known, findings),
    );
    await Promise.all(attackers.map((attacker) => attacker.open()));
    const all = async (share: number) => {
      const udp = Math.ceil(((packets - tcpPackets) * share) / SOCKETS);
      const tcp = Math.ceil((tcpPackets * share) / CONNECTIONS);
      await Promise.all([
        ...attackers.map((attacker) => attacker.run(udp)),
        ...Array.from({ length: CONNECTIONS }, (_, i) =>
          attackOverTcp(unloop.port, SEED - i, seeds, known, tcp, findings),
        ),
      ]);
    };
    await all(0.25);
    usage.note();
    for (let part = 0; part < 3; part++) {
      await all(0.25);
      usage.note();
    }
    // On a quick machine all is over before the honest client has asked often enough: the attack
    // goes on until it has.
    while (client.asked <= packets / 5000) await all(0.01);
    const elapsedMs = performance.now() - startMs;
    const truthCounts = await client.stop();
    // What is still in flight ends within the deadline and the time for late replies.
    await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS + LATE_MS));
    usage.note();
    for (const attacker of attackers) await attacker.close();
    const metrics = await unloop.metrics();
    const restarts = metrics.value('unloop_worker_restarts_total');
    const errors = unloop.log.filter(({ level }) => level === 'error' || level === 'fatal');
    const exitCode = await unloop.stop();
    const result = {
      socket,
      machine: `${cpus().length} × ${cpus()[0]?.model}`,
      node: process.version,
      packets: { udp: findings.sentUdp, tcp: findings.sentTcp, mutatedReplies: lies.replies },
      seconds: Math.round(elapsedMs / 100) / 10,
      answered: findings.answered,
      known: {
        asked: findings.knownAsked + truthCounts.asked,
        right: findings.knownRight + truthCounts.right,
      },
      wrong: findings.faults.length,
      upstreamAsked: { truthful: truth.queries, lying: lies.queries },
      amplification: {
        bytesSent: findings.bytesSent,
        bytesReceived: findings.bytesReceived,
        largestAnswer: findings.largestAnswer,
        largestFactor: Math.round(findings.largestFactor * 10) / 10,
      },
      restarts,
      exitCode,
      usage: usage.samples,
    };
    results.push(result);
    if (process.env.HOSTILE_RESULT !== undefined) {
      writeFileSync(process.env.HOSTILE_RESULT, `${JSON.stringify(results, null, 2)}\n`);
    }
    await Promise.all([truth.close(), lies.close()]);

    expect(findings.faults).toEqual([]);
    expect(truthCounts.faults).toEqual([]);
    expect(findings.sentUdp + findings.sentTcp).toBeGreaterThan(packets * 0.9);
    // The attack reached the upstream: the replies' way was tried as well.
    expect(lies.replies).toBeGreaterThan(packets / 20);
    expect(result.known.right).toBe(result.known.asked);
    expect(truthCounts.asked).toBeGreaterThan(packets / 5000);
    expect(restarts).toBe(0);
    expect(errors).toEqual([]);
    expect(unloop.stderr).toBe('');
    expect(unloop.otherOutput).toEqual([]);
    expect(exitCode).toBe(0);
    // The whole of it is no lever: fewer bytes came back than went in.
    expect(findings.largestAnswer).toBeLessThanOrEqual(1232);
    usage.expectFlat();
  }, 1_800_000);
});

/** Memory and descriptors of a process. */
class Usage {
  readonly samples: { rssMiB: number; descriptors: number }[] = [];
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.note();
  }

  note(): void {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    this.samples.push({
      rssMiB: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024),
      descriptors: readdirSync(`/proc/${this.#pid}/fd`).length,
    });
  }

  /** Noted at the start, after each quarter, and when all is over. */
  expectFlat(): void {
    const [start, half] = [this.samples[0]!, this.samples[2]!];
    const end = this.samples.at(-1)!;
    const firstGrowth = half.rssMiB - start.rssMiB;
    expect(end.rssMiB - half.rssMiB).toBeLessThan(MAX_GROWTH_SHARE * firstGrowth + BREATH_MIB);
    // Connections and a socket on its way out come and go.
    expect(end.descriptors).toBeLessThan(start.descriptors + 60);
  }
}
