// The notices about a resolv.conf that cannot be read: a remedy for each cause.
import { expect, it } from 'vitest';
import { describeResolvConf } from '../../src/discovery/notices.ts';

const UNREADABLE = {
  path: '/etc/resolv.conf',
  state: 'unreadable',
  nameservers: [],
  search: [],
  searchLine: 0,
  options: [],
  badLines: [],
  badLineCount: 0,
} as const;

it.each([
  ['denied', 'may not be read', 'the right to read /etc/resolv.conf (chmod o+r, and o+x for its folders)'],
  ['tooLarge', 'is larger than 256 KiB', 'Restore /etc/resolv.conf, which has a few lines on a sane machine'],
  ['directory', 'is a directory', 'Point discovery.resolvConf at a regular file'],
  ['notAFile', 'is not a regular file', 'Point discovery.resolvConf at a regular file'],
  ['linkLoop', 'has too many symbolic links', 'Let the symbolic link /etc/resolv.conf lead to a file'],
  ['failed', 'cannot be read', 'Make /etc/resolv.conf readable again'],
] as const)('%s', (reason, detail, remedy) => {
  const [notice] = describeResolvConf({ ...UNREADABLE, reason, detail });
  expect(notice).toMatchObject({
    code: 'resolv-conf-unreadable',
    message: expect.stringContaining(`/etc/resolv.conf ${detail}`),
    remedy: expect.stringContaining(remedy),
  });
  expect(notice!.remedy).toMatch(/, or list the servers under upstreams\.$/);
});
