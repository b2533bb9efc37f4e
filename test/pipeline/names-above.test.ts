// The names between a zone and a name in it.
import { expect, it } from 'vitest';
import { NamesAbove } from '../../src/pipeline/names-above.ts';
import { nameToText, textToName } from '../../src/wire/text.ts';
import { testQuery } from './queries.ts';

function read(name: string, zone = 'cluster.local') {
  const { bytes } = testQuery(name);
  const above = new NamesAbove();
  above.read(bytes, textToName(zone).length);
  const names = [...above.offsets.slice(0, above.count)].map((offset) => nameToText(bytes, offset));
  return { names, labelsBelow: above.labelsBelow, hashes: [...above.hashes.slice(0, above.count)] };
}

it('are read from the zone down, three at most', () => {
  expect(read('www.example.com.default.svc.cluster.local')).toMatchObject({
    names: ['svc.cluster.local.', 'default.svc.cluster.local.', 'com.default.svc.cluster.local.'],
    labelsBelow: 5,
  });
});

it('end with the name itself; above the zone there is none', () => {
  expect(read('web.cluster.local')).toMatchObject({ names: ['web.cluster.local.'], labelsBelow: 1 });
  expect(read('cluster.local')).toMatchObject({ names: [], labelsBelow: 0 });
});

it('end in front of a label that starts with an underscore', () => {
  expect(read('_http._tcp.web.cluster.local').names).toEqual(['web.cluster.local.']);
});

it('have the same hash in any letters, below any name', () => {
  const [first] = read('a.B.Cluster.Local').hashes;
  expect(read('x.y.z.b.cluster.LOCAL').hashes[0]).toBe(first);
  expect(read('x.y.z.c.cluster.local').hashes[0]).not.toBe(first);
});
