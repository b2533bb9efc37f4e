// Several workers on one port, and one worker where a port cannot be shared.
import { describe, expect, it } from 'vitest';
import { nodeSupportsReusePort } from '../../../src/io/node-socket.ts';
import { askTcp, queryBytes, readAnswer, UdpClient } from '../../kit/dns-client.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamSaying } from './scene.ts';

/** One name from many source ports; how often the upstream was asked is the number of caches. */
async function countCaches(unloop: UnloopProcess, asked: () => number): Promise<number> {
  const clients = await Promise.all(Array.from({ length: 60 }, () => UdpClient.open(unloop.port)));
  for (const client of clients) {
    client.send(queryBytes({ name: 'same.example' }));
    expect(readAnswer(await client.receive()).rcode).toBe(0);
    client.close();
  }
  return withoutRepetitions(unloop, asked);
}

/** A stalled machine repeats a question before it reads the answer, and counts that. */
async function withoutRepetitions(unloop: UnloopProcess, asked: () => number): Promise<number> {
  const metrics = await unloop.metrics();
  return asked() - metrics.value('unloop_upstream_failures_total', { reason: 'timeout' });
}

describe('workers', () => {
  it('share the queries of a port between them', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const asked = () => upstream.queries.filter(({ name }) => name.toLowerCase() === 'same.example').length;
    const unloop = await startUnloop({
      config: { upstreams: [upstream.text], workers: 3, loop: QUIET_LOOP },
    });
    expect((await unloop.metrics()).value('unloop_workers')).toBe(3);
    expect((await unloop.metrics()).value('unloop_workers_dealt_by_name')).toBe(3);
    expect(await countCaches(unloop, asked)).toBe(1);
    // Connections fall on any worker, and each worker asks for itself. One of three is missed by 40
    // connections with odds of 3 × (2/3)⁴⁰, 10⁻⁷.
    for (let i = 0; i < 40; i++) expect((await askTcp(unloop.port, { name: 'same.example' })).rcode).toBe(0);
    expect(await withoutRepetitions(unloop, asked)).toBe(3);
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_queries_total')).toBe(100);
    expect(metrics.value('unloop_worker_queries_total')).toBe(100);
    expect(metrics.families.get('unloop_worker_queries_total')!.series).toHaveLength(3);
    expect(unloop.log.filter((line) => line.level === 'warn')).toEqual([]);
  });

  it('are as many as can share a port without the addon, and the log says so', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const asked = () => upstream.queries.filter(({ name }) => name.toLowerCase() === 'same.example').length;
    const unloop = await startUnloop({
      native: false,
      config: { upstreams: [upstream.text], workers: 2, loop: QUIET_LOOP },
    });
    const expected = nodeSupportsReusePort() ? 2 : 1;
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_workers')).toBe(expected);
    expect(metrics.value('unloop_build_info', { socket: 'node' })).toBe(1);
    // Node.js cannot have the kernel deal by name: it chooses by the source port. One of two
    // workers is missed by 60 clients with odds of 2⁻⁵⁹.
    expect(metrics.value('unloop_workers_dealt_by_name')).toBe(0);
    expect(await countCaches(unloop, asked)).toBe(expected);
    const warnings = unloop.log.filter((line) => line.level === 'warn');
    expect(warnings.filter((line) => line.reason === 'UNLOOP_NATIVE=0')).toHaveLength(1);
    const fallback = warnings.filter((line) => line.msg.includes('one worker serves'));
    expect(fallback).toHaveLength(expected === 1 ? 1 : 0);
    const undealt = warnings.filter((line) => line.msg.includes('not dealt to the workers by name'));
    expect(undealt).toHaveLength(expected === 1 ? 0 : 1);
  });
});
