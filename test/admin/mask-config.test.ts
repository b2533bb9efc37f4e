import { expect, it } from 'vitest';
import { maskConfig } from '../../src/admin/mask-config.ts';
import type { Config } from '../../src/config/config.ts';

const mask = (config: object) => maskConfig(config as unknown as Config);

it('hides secrets by the name of their key, at any depth', () => {
  const config = {
    admin: { token: 'a', listen: null },
    loop: { clusterKey: 'b' },
    newPassword: 'c',
    aSecret: 'd',
  };
  expect(mask(config)).toEqual({
    admin: { token: '***', listen: null },
    loop: { clusterKey: '***' },
    newPassword: '***',
    aSecret: '***',
  });
});

it('shows that a secret is not set', () => {
  expect(mask({ admin: { token: '' } })).toEqual({ admin: { token: '' } });
});

it('hides user and password of a URL, in lists too', () => {
  expect(mask({ upstreams: [{ text: 'https://user:pw@dns.example/q' }] })).toEqual({
    upstreams: [{ text: 'https://***@dns.example/q' }],
  });
});

it('leaves the rest and the original alone', () => {
  const config = { workers: 2, tag: 'auto', keys: 'x', on: true, list: [1], token: 'a' };
  expect(mask(config)).toEqual({ ...config, token: '***' });
  expect(config.token).toBe('a');
});
