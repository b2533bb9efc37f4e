// Queries that are refused before they wait for an answer, and how.
import { describe, expect, it } from 'vitest';
import { ClientGate } from '../../src/pipeline/client-gate.ts';
import { ClientRates, createClientRates } from '../../src/pipeline/client-rates.ts';
import { parseNetwork } from '../../src/server/listen/client-networks.ts';
import { readAnswer } from '../kit/dns-client.ts';
import { FakeClient, FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const REFUSED = 5;
const NOTIMP = 4;

/** A NOTIFY: sound, but nothing that a forwarder does. */
function notify(): Uint8Array {
  const { bytes } = testQuery('example');
  bytes[2]! |= 4 << 3;
  return bytes;
}

describe('a client that is not allowed', () => {
  const denying = () => {
    const f = new PipelineFixture();
    f.configure({
      gate: new ClientGate([], [parseNetwork('192.0.2.0/24')], 0, new ClientRates(createClientRates())),
    });
    return f;
  };

  it('is refused', () => {
    const f = denying();
    expect(f.ask(testQuery('example').bytes, f.client, '192.0.2.7')).toBe(true);
    expect(f.client.rcodes).toEqual([REFUSED]);
  });

  it('gets no answer to a malformed query, where others get an error', () => {
    const f = denying();
    expect(f.ask(notify(), f.client, '192.0.2.7')).toBe(false);
    expect(f.client.rcodes).toEqual([]);
    expect(f.ask(notify())).toBe(true);
    expect(f.client.rcodes).toEqual([NOTIMP]);
  });
});

describe('a question that very many clients wait for', () => {
  it('sends further UDP clients to TCP, and serves them there', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ maxInFlight: 5000, zones: [['.', [upstream]]] });
    const { bytes } = testQuery('popular.example');
    for (let i = 0; i < 1500; i++) f.ask(bytes, f.client, '192.0.2.1');
    expect(f.client.answers).toHaveLength(500);
    const honest = new FakeClient();
    f.ask(bytes, honest, '192.0.2.2');
    const answer = readAnswer(Buffer.from(honest.answers[0]!));
    expect([answer.truncated, answer.rcode, answer.bytes.length]).toEqual([true, 0, bytes.length]);
    const overTcp = new FakeClient(true);
    f.ask(bytes, overTcp, '192.0.2.2');
    upstream.reply();
    expect(overTcp.rcodes).toEqual([0]);
    expect(readAnswer(Buffer.from(overTcp.answers[0]!)).answers).toHaveLength(1);
  });
});
