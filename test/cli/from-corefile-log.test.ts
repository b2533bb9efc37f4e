import { expect, it } from 'vitest';
import { joinLogs, readLog } from '../../src/cli/from-corefile-log.ts';
import { Notes } from '../../src/cli/from-corefile-notes.ts';
import { parseCorefile } from '../../src/config/corefile.ts';

it.each<[string, readonly string[] | null, RegExp | null]>([
  ['log', null, null],
  ['log { class all\n}', null, null],
  ['log { class error\n}', ['FORMERR', 'SERVFAIL', 'NOTIMP', 'REFUSED'], null],
  ['log { class success error\n}', ['NOERROR', 'FORMERR', 'SERVFAIL', 'NOTIMP', 'REFUSED'], null],
  ['log { class denial\n}', ['NXDOMAIN'], /NXDOMAIN only/],
  ['log { class odd\n}', null, /every query is logged/],
  ['log { class constructor\n}', null, /every query is logged/],
  ['log . {remote} { class error\n}', ['FORMERR', 'SERVFAIL', 'NOTIMP', 'REFUSED'], /a format of its own/],
])('%j logs answers with %j', (text, rcodes, note) => {
  const { blocks, faults } = parseCorefile(`. {\n${text}\n}\n`, 'Corefile');
  expect(faults).toEqual([]);
  const notes = new Notes();
  const settings = readLog(blocks[0]!.directives[0]!, notes);
  expect(settings).toEqual(rcodes === null ? { queries: true } : { queries: true, queryFilter: { rcodes } });
  const said = notes.lines.map((line) => line.text).join('\n');
  if (note === null) expect(said).toBe('');
  else expect(said).toMatch(note);
});

it('joins two of them: what either logs is logged', () => {
  const some = (...rcodes: string[]) => ({ queries: true as const, queryFilter: { rcodes } });
  expect(joinLogs(null, some('NXDOMAIN'))).toEqual(some('NXDOMAIN'));
  expect(joinLogs(some('SERVFAIL'), some('NXDOMAIN', 'SERVFAIL'))).toEqual(some('SERVFAIL', 'NXDOMAIN'));
  expect(joinLogs({ queries: true }, some('NXDOMAIN'))).toEqual({ queries: true });
});
