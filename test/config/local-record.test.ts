import { expect, it } from 'vitest';
import { formatLocalRecord, parseLocalRecord } from '../../src/config/local-record.ts';

it.each([
  ['db.internal A 10.0.0.9', 'db.internal A 10.0.0.9'],
  ['  DB.Internal.  a\t10.0.0.9 ', 'db.internal A 10.0.0.9'],
  ['db.internal AAAA FD00::9', 'db.internal AAAA fd00::9'],
  ['*.apps.internal CNAME DB.internal.', '*.apps.internal CNAME db.internal'],
  ['9.0.0.10.in-addr.arpa PTR db.internal', '9.0.0.10.in-addr.arpa PTR db.internal'],
  ['_ldap._tcp.internal SRV 0 5 389 db.internal', '_ldap._tcp.internal SRV 0 5 389 db.internal'],
  ['internal TXT made  here', 'internal TXT "made  here"'],
  ['internal TXT "a b"  "c"', 'internal TXT "a b" "c"'],
  ['db.internal AAAA 0:0:0:0:0:0:0:1', 'db.internal AAAA ::1'],
  ['_ldap._tcp.internal SRV 0 0 0 .', '_ldap._tcp.internal SRV 0 0 0 .'],
])('%j is read', (line, canonical) => {
  const record = parseLocalRecord(line);
  expect(formatLocalRecord(record)).toBe(canonical);
  expect(parseLocalRecord(canonical)).toEqual(record);
});

it.each([
  ['db.internal', 'is no NAME TYPE DATA'],
  ['db.internal MX 10 mail.internal', 'with a type of A, AAAA'],
  ['db.internal constructor x', 'is no NAME TYPE DATA'],
  ['db.internal A fd00::9', 'expected for example "db.internal A 10.0.0.9"'],
  ['db.internal AAAA fe80::1%eth0', 'is not valid data for AAAA'],
  ['db.internal A 010.0.0.1', 'is not valid data for A'],
  ['a..b A 10.0.0.9', '"a..b" has an empty label; expected for example db.internal'],
  ['*.*.b A 10.0.0.9', '"*.*.b" is not the name of a record; "*" can only be the first label'],
  ['a.b CNAME *.b', '"*.b" is not the name of a record'],
  ['. A 10.0.0.9', '"." is not the name of a record; expected for example db.internal'],
  ['*. A 10.0.0.9', '"*." is not the name of a record'],
  ['.b A 10.0.0.9', '".b" has an empty label'],
  ['a.b SRV 0 70000 1 c.d', 'is not valid data for SRV'],
  [`a.b TXT ${'x'.repeat(256)}`, 'up to 255 bytes, not 256'],
])('%j is refused, and says why', (line, message) => {
  expect(() => parseLocalRecord(line)).toThrow(message);
});
