// The requirements of test/conformance put to unloop and today's dnsmasq, unbound and dnsdist in
// one run. Unloop must fulfil them all; what became of them is the table of docs/conformance.md.
// UPDATE_GENERATED=1 writes it again; else unloop's column must be what was measured.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { today } from '../../bench/compare/today.ts';
import { type BadForwarder, startCareless, startParrot } from '../conformance/bad-forwarders.ts';
import { startUnloopForwarder, type UnloopForwarder } from '../conformance/forwarder.ts';
import { REAL_SERVER, REAL_ZONE } from '../conformance/real-server.ts';
import { putAll, type Result } from '../conformance/requirement.ts';
import { REQUIREMENTS as WITH_STAND_IN } from '../conformance/requirements.ts';
import { Stage } from '../conformance/stage.ts';
import { type Peer, startPeers } from './support/conformance-peers.ts';
import { COLUMNS, renderTable, unloopColumn } from './support/conformance-table.ts';
import { type RealServer, startNsd } from './support/real-server.ts';

const DOCUMENT = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));
const BEGIN = '<!-- conformance: written by npm run test:lab with UPDATE_GENERATED=1 -->';
const END = '<!-- end of conformance -->';

const REQUIREMENTS = [...WITH_STAND_IN, ...REAL_SERVER];
let nsd: RealServer;
let stage: Stage;
let unloop: UnloopForwarder;
let peers: Peer[] = [];
let bad: BadForwarder[] = [];
let results: Result[] = [];

beforeAll(async () => {
  nsd = await startNsd([REAL_ZONE]);
  stage = await Stage.start(nsd.port);
  [unloop, peers, bad] = await Promise.all([
    startUnloopForwarder(stage, true),
    startPeers(stage),
    Promise.all([startParrot(stage), startCareless(stage)]),
  ]);
  results = await putAll(
    REQUIREMENTS,
    [{ ...unloop, name: 'unloop' }, ...peers, ...bad],
    stage,
    (forwarder) => forwarder.name !== 'unloop',
  );
  // What a peer does not fulfil is put again where the machine stalls.
}, 300_000);

afterAll(async () => {
  await unloop?.process.stop();
  for (const forwarder of bad) forwarder.stop();
  await Promise.all(peers.map(({ server }) => server.stop()));
  await stage?.stop();
  await nsd?.stop();
});

/** How many processes (of unloop: or threads) ended since they began. */
async function ended() {
  const metrics = await unloop.process.metrics();
  const isGone = (name: string) => {
    const { server } = peers.find((peer) => peer.name === name)!;
    return isRunning(server.pid) ? 0 : 1;
  };
  return {
    unloop: metrics.value('unloop_worker_restarts_total'),
    dnsmasq: isGone('dnsmasq'),
    unbound: isGone('unbound'),
    dnsdist: isGone('dnsdist'),
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('conformance, side by side', () => {
  it('unloop fulfils every requirement, or does instead what it says', () => {
    const short = results.filter(({ forwarder, outcome }) => forwarder.name === 'unloop' && outcome !== '');
    expect(
      short.map(
        ({ requirement, transport, outcome }) =>
          `${requirement.section} ${requirement.text}, over ${transport}: ${outcome}`,
      ),
    ).toEqual([]);
  });

  it('every requirement can fail: before a parrot or before a careless forwarder', () => {
    const never = REQUIREMENTS.filter((requirement) =>
      results.every(
        (result) =>
          result.requirement !== requirement ||
          !bad.some(({ name }) => name === result.forwarder.name) ||
          result.outcome === '',
      ),
    );
    expect(never.map(({ section, text }) => `${section}: ${text}`)).toEqual([]);
  });

  it('none of the four has ended', async () => {
    expect(await ended()).toEqual({ unloop: 0, dnsmasq: 0, unbound: 0, dnsdist: 0 });
  });

  it('docs/conformance.md says of unloop what was measured', async () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const from = text.indexOf(BEGIN) + BEGIN.length;
    const to = text.indexOf(END);
    expect(from).toBeGreaterThan(BEGIN.length);
    const versions = {
      dnsmasq: today('dnsmasq').version,
      unbound: today('unbound').version,
      dnsdist: today('dnsdist').version,
    };
    const table = renderTable(REQUIREMENTS, results, versions, await ended());
    if (process.env.UPDATE_GENERATED === '1') {
      writeFileSync(DOCUMENT, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`);
      return;
    }
    const written = unloopColumn(text.slice(from, to));
    expect(written.length).toBeGreaterThan(COLUMNS.length);
    expect(written).toEqual(unloopColumn(table));
  });
});
