// Whom the way of a query turns away, and how.
import { describe, expect, it } from 'vitest';
import { ClientGate } from '../../src/pipeline/client-gate.ts';
import { parseNetwork } from '../../src/server/client-networks.ts';
import { PipelineFixture } from './pipeline-fixture.ts';
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
    f.path.gate = new ClientGate([], [parseNetwork('192.0.2.0/24')], 0, 1);
    return f;
  };

  it('is refused', () => {
    const f = denying();
    expect(f.ask(testQuery('example').bytes, f.client, '192.0.2.7')).toBe(true);
    expect(f.client.rcodes).toEqual([REFUSED]);
  });

  it('gets silence for what is no query at all, where others get an error', () => {
    const f = denying();
    expect(f.ask(notify(), f.client, '192.0.2.7')).toBe(false);
    expect(f.client.rcodes).toEqual([]);
    expect(f.ask(notify())).toBe(true);
    expect(f.client.rcodes).toEqual([NOTIMP]);
  });
});
