// Sockets passed by a service manager are identified and paired by address.
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findInheritedSockets } from '../../src/io/inherited-sockets.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const REST = '00000000:00000000 00:00000000 00000000     0        0';

/** A /proc as the kernel writes it, with these descriptors of ours. */
function proc(descriptors: Readonly<Record<number, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'unloop-proc-'));
  mkdirSync(join(root, 'self/fd'), { recursive: true });
  mkdirSync(join(root, 'net'));
  for (const [fd, target] of Object.entries(descriptors)) symlinkSync(target, join(root, 'self/fd', fd));
  writeFileSync(
    join(root, 'net/udp'),
    `${HEAD}    0: 0100007F:0035 00000000:0000 07 ${REST} 101 2 0000000000000000 0\n` +
      `    1: 0100007F:0035 0100007F:9C40 01 ${REST} 105 2 0000000000000000 0\n` +
      `    2: 0100007F:0035 00000000:0000 07 ${REST} 106 2 0000000000000000 0\n`,
  );
  writeFileSync(
    join(root, 'net/tcp'),
    `${HEAD}    0: 0100007F:0035 00000000:0000 0A ${REST} 102 1 0000000000000000 100 0 0 10 0\n` +
      `    1: 0100007F:0035 0100007F:9C40 01 ${REST} 103 1 0000000000000000 100 0 0 10 0\n`,
  );
  writeFileSync(
    join(root, 'net/udp6'),
    `${HEAD}    0: B80D0120000000000000000001000000:14B4 00000000000000000000000000000000:0000 07 ${REST} 104 2 0 0\n`,
  );
  // No net/tcp6, as on a machine without it.
  return root;
}

const ENVIRONMENT = { LISTEN_PID: '7', LISTEN_FDS: '3' };

describe('inherited sockets', () => {
  it('are put together by address', () => {
    const root = proc({ 3: 'socket:[101]', 4: 'socket:[102]', 5: 'socket:[104]' });
    expect(findInheritedSockets(ENVIRONMENT, 7, root)).toEqual([
      { host: '127.0.0.1', port: 53, udpFd: 3, tcpFd: 4 },
      { host: '2001:db8::1', port: 5300, udpFd: 5, tcpFd: -1 },
    ]);
  });

  it('are not ours when another process is meant, or none are given', () => {
    const root = proc({ 3: 'socket:[101]' });
    expect(findInheritedSockets(ENVIRONMENT, 8, root)).toEqual([]);
    expect(findInheritedSockets({}, 7, root)).toEqual([]);
    expect(findInheritedSockets({ LISTEN_PID: '7', LISTEN_FDS: '0' }, 7, root)).toEqual([]);
  });

  it.each([
    ['a file', '/etc/passwd'],
    ['an open connection', 'socket:[103]'],
    ['a socket of another kind', 'socket:[999]'],
    ['a UDP socket for one client', 'socket:[105]'],
  ])('that are %s are refused by number', (_what, target) => {
    const root = proc({ 3: 'socket:[101]', 4: target, 5: 'socket:[104]' });
    expect(() => findInheritedSockets(ENVIRONMENT, 7, root)).toThrow('descriptor 4 ');
  });

  it('of one kind at one address are refused: one of them would never be read', () => {
    const root = proc({ 3: 'socket:[101]', 4: 'socket:[102]', 5: 'socket:[106]' });
    expect(() => findInheritedSockets(ENVIRONMENT, 7, root)).toThrow(
      'descriptors 3 and 5 are both udp sockets of 127.0.0.1 53',
    );
  });

  it.each([
    'two',
    '-1',
    '1.5',
    '3 ',
  ])('whose number is %j are refused, if it is not a number', (LISTEN_FDS) => {
    const root = proc({ 3: 'socket:[101]', 4: 'socket:[102]', 5: 'socket:[104]' });
    const find = () => findInheritedSockets({ LISTEN_PID: '7', LISTEN_FDS }, 7, root);
    if (Number(LISTEN_FDS) === 3) expect(find()).toHaveLength(2);
    else expect(find).toThrow(`LISTEN_FDS=${LISTEN_FDS} is not a number`);
  });
});
