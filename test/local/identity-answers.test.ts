import dnsPacket from 'dns-packet';
import { expect, it } from 'vitest';
import { type Identity, IdentityAnswers } from '../../src/local/identity-answers.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryBytes } from '../kit/dns-client.ts';

function find(identity: Partial<Identity>, name: string, type = 'TXT') {
  const bytes = queryBytes({ name, type, qclass: 3 });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  return new IdentityAnswers({ version: '', name: '', ...identity }).find(bytes, parsed);
}

it.each([
  ['version.bind', 'unloop 1'],
  ['Version.Server', 'unloop 1'],
  ['id.server', 'box'],
  ['HOSTNAME.bind', 'box'],
])('answers %s', (name, text) => {
  const message = find({ version: 'unloop 1', name: 'box' }, name)!;
  const { answers, questions, flag_aa } = dnsPacket.decode(Buffer.from(message));
  expect(flag_aa).toBe(true);
  expect(questions).toMatchObject([{ name: name.toLowerCase(), type: 'TXT', class: 'CH' }]);
  expect(answers).toMatchObject([{ type: 'TXT', class: 'CH', ttl: 0, data: [Buffer.from(text)] }]);
});

it('gives only what is configured', () => {
  expect(find({ name: 'box' }, 'version.bind')).toBeNull();
  expect(find({ version: 'x' }, 'id.server')).toBeNull();
  expect(find({ version: 'x' }, 'authors.bind')).toBeNull();
});

it('answers TXT alone', () => {
  expect(find({ version: 'x' }, 'version.bind', 'A')).toBeNull();
});
