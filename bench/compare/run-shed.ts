// The scenario of kind `shed`: what a query costs unloop that it sent itself and that came back,
// beside a cached answer. One such query is caught where its upstream should be, and sent back
// again and again, under the same load as the cached names.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { GeneratedQueries } from '../../src/load/generated-queries.ts';
import { runLoad } from '../../src/load/load-run.ts';
import type { QuerySource } from '../../src/load/query-source.ts';
import { type Bench, turnsOf } from './bench.ts';
import { processorTimeNs } from './process-cost.ts';
import type { RunningServer } from './server-process.ts';

const CLIENTS = 20;
const CONCURRENCY = 200;
const WARM_SECONDS = 1;
const CATCH_LIMIT_MS = 5000;
const SERVFAIL = 2;

/** `x.loop.example A`, RD, ID 1. */
const LOOPING_QUERY = Buffer.from(
  '000100000001000000000000017804 6c6f6f70 076578616d706c65 0000010001'.replaceAll(' ', ''),
  'hex',
);
const LOOPING_NAME = '\x01x\x04loop\x07example';

export async function runShedScenario(bench: Bench, key: string): Promise<void> {
  const unloop = bench.contenders.find((contender) => contender.key === 'unloop');
  if (unloop === undefined) return;
  // Bound before the server starts, which takes ports of the kernel's choosing itself.
  const upstream = createSocket('udp4').bind(0, '127.0.0.1').unref();
  await once(upstream, 'listening');
  const loopPort = upstream.address().port;
  const server = await bench.start(unloop, { cache: true, cacheNames: 0, loopPort });
  try {
    const loads = [
      { scenario: key, rcode: SERVFAIL, source: repeat(await catchQuery(server.port, upstream)) },
      { scenario: `${key}-cached`, rcode: 0, source: cachedNames() },
    ];
    for (const { source } of loads) await load(server, source, WARM_SECONDS);
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const { scenario, rcode, source } of turnsOf(loads, round)) {
        const beforeNs = processorTimeNs(server.pid);
        const { tally } = await load(server, source, bench.options.seconds);
        const usedNs = processorTimeNs(server.pid) - beforeNs;
        const { answered, lost } = tally;
        if (tally.rcodes[rcode]! < answered * 0.999)
          bench.note(scenario, unloop, `of ${answered} answers ${tally.rcodes[rcode]} with RCODE ${rcode}`);
        bench.record(scenario, unloop, round, { cpuMicros: usedNs / 1000 / answered, lost });
      }
    }
  } finally {
    await server.stop();
  }
}

/**
 * Asks for a looping name and takes what the server sends to that name's upstream, which is closed
 * then.
 */
async function catchQuery(port: number, upstream: Socket): Promise<Uint8Array> {
  const client = createSocket('udp4');
  try {
    client.send(LOOPING_QUERY, port, '127.0.0.1');
    const signal = AbortSignal.timeout(CATCH_LIMIT_MS);
    for (;;) {
      const [message] = (await once(upstream, 'message', { signal })) as [Buffer];
      // Anything else is a probe.
      if (message.toString('latin1').toLowerCase().includes(LOOPING_NAME)) return message;
    }
  } finally {
    upstream.close();
    client.close();
  }
}

function repeat(message: Uint8Array): QuerySource {
  return {
    description: 'one query of the server itself',
    together: 1,
    write: (out, offset) => {
      out.set(message, offset);
      return message.length;
    },
  };
}

/**
 * As many as there are in `unloop bench` by default; with OPT, as the query of the server itself
 * has it.
 */
function cachedNames(): QuerySource {
  return new GeneratedQueries({
    hotNames: 1000,
    zipfExponent: 1,
    uniqueShare: 0,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    qtypes: [1],
    seed: 1,
    randomCase: false,
    ednsShare: 1,
    dnssecShare: 0,
  });
}

function load(server: RunningServer, source: QuerySource, seconds: number) {
  const { port } = server;
  const target = {
    proto: 'udp',
    address: '127.0.0.1',
    port,
    serverName: '',
    insecure: false,
    ca: null,
  } as const;
  const plan = { target, clients: CLIENTS, concurrency: CONCURRENCY, qps: 0, durationMs: seconds * 1000 };
  return runLoad({ ...plan, queries: Number.POSITIVE_INFINITY, timeoutMs: 2000 }, source);
}
