import { describe, expect, it } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import type { Config } from '../../../src/config/config.ts';
import { claimed, listenOf, reportLeftOut } from '../../../src/server/control/listen-addresses.ts';
import type { BoundAddress } from '../../../src/server/worker/worker-channel.ts';

const LISTEN = [{ host: '127.0.0.1', port: 53 }];
const INHERITED = [{ host: '0.0.0.0', port: 53, udpFd: 3 }];

function config(more: Partial<Config> = {}): Config {
  return { listen: LISTEN, takeOver: false, ...more } as Config;
}

describe('listenOf', () => {
  it('is what was inherited, and else what is configured', () => {
    expect(listenOf(config(), [])).toBe(LISTEN);
    expect(listenOf(config(), INHERITED)).toBe(INHERITED);
  });

  it.each([
    ['0.0.0.0 ::', true, '0.0.0.0 ::'],
    ['0.0.0.0 ::', false, '0.0.0.0'],
    // Nothing else to listen on: the start fails, and says why.
    ['::', false, '::'],
    // One address of somebody's choice.
    ['127.0.0.1 ::1', false, '127.0.0.1 ::1'],
  ])('%s where the kernel has IPv6: %s', (hosts, hasIpv6, left) => {
    const listen = hosts.split(' ').map((host) => ({ host, port: 53 }));
    expect(
      listenOf(config({ listen }), [], hasIpv6)
        .map(({ host }) => host)
        .join(' '),
    ).toBe(left);
  });
});

describe('reportLeftOut', () => {
  const leftOut = (listen: BoundAddress[], inherited: BoundAddress[], hasIpv6: boolean) => {
    const lines: unknown[] = [];
    const log = { info: (...line: unknown[]) => lines.push(line) } as unknown as Log;
    reportLeftOut({ listen }, inherited, log, hasIpv6);
    return lines;
  };
  const BOTH = [...LISTEN, { host: '::', port: 53 }];

  it('says in one line what is not listened on, and why', () => {
    expect(leftOut(BOTH, [], false)).toEqual([
      [
        { code: 'no-ipv6', leftOut: ['[::]:53'] },
        'not listened on, as this kernel has no IPv6 (no /proc/net/if_inet6)',
      ],
    ]);
  });

  it('says nothing where nothing is left out', () => {
    expect(leftOut(BOTH, [], true)).toEqual([]);
    expect(leftOut(LISTEN, [], false)).toEqual([]);
    expect(leftOut(BOTH, INHERITED, false)).toEqual([]);
  });
});

describe('claimed', () => {
  it('claims every address at the start', () => {
    expect(claimed(config(), [], [])).toEqual([{ host: '127.0.0.1', port: 53, claim: true }]);
  });

  it('claims nothing that is inherited or taken over', () => {
    expect(claimed(config(), INHERITED, [])).toBe(INHERITED);
    expect(claimed(config({ takeOver: true }), [], [])).toBe(LISTEN);
  });

  it.each([
    ['127.0.0.1', 53, false],
    ['0.0.0.0', 53, false],
    ['::', 53, true],
    ['127.0.0.2', 53, true],
    ['127.0.0.1', 54, true],
    ['0.0.0.0', 54, true],
  ])('beside our own %s:%d: %s', (host, port, claim) => {
    expect(claimed(config(), [], [{ host, port }])[0]!.claim).toBe(claim);
  });

  it.each([
    ['0.0.0.0:53 127.0.0.1:53', [true, false]],
    ['127.0.0.1:53 0.0.0.0:53', [true, false]],
    ['127.0.0.1:53 127.0.0.2:53 0.0.0.0:53', [true, true, false]],
    ['0.0.0.0:53 :::53', [true, true]],
    ['::1:53 :::53', [true, false]],
    ['0.0.0.0:53 127.0.0.1:54', [true, true]],
    ['0.0.0.0:0 127.0.0.1:0', [true, true]],
  ])('an address that overlaps with one before it is not claimed: %s', (texts, claims) => {
    const listen = texts.split(' ').map((text) => {
      const colon = text.lastIndexOf(':');
      return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
    });
    expect(claimed(config({ listen }), [], []).map(({ claim }) => claim)).toEqual(claims);
  });

  it('does not claim every address of a port that we hold one of', () => {
    const wildcard = config({ listen: [{ host: '0.0.0.0', port: 53 }] });
    expect(claimed(wildcard, [], [{ host: '127.0.0.1', port: 53 }])[0]!.claim).toBe(false);
  });
});
