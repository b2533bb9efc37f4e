import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { AccessPolicy, isLoopbackHost, type Openness } from '../../src/admin/access.ts';

interface Asked {
  listenHost?: string;
  token?: string;
  hosts?: readonly string[];
  method?: string;
  openness?: Openness;
  headers?: IncomingHttpHeaders;
  /** The client's address. */
  peer?: string;
  /** The address that it asked. */
  local?: string;
}

/** The status of the refusal; null when the request may be served. */
function refuse(asked: Asked): number | null {
  const { listenHost = '127.0.0.1', token = '', hosts = [], method = 'GET', openness = 'private' } = asked;
  const headers = { host: '127.0.0.1:9530', ...asked.headers };
  const policy = new AccessPolicy({ listenHost, token, hosts });
  const socket = { remoteAddress: asked.peer ?? '192.0.2.7', localAddress: asked.local ?? '192.0.2.1' };
  return policy.refuse({ method, headers, socket } as unknown as IncomingMessage, openness)?.status ?? null;
}

describe('the Host header of a loopback listener', () => {
  it.each([
    '127.0.0.1',
    '127.0.0.1:9530',
    '[::1]:9530',
    'localhost',
    'LOCALHOST.:9530',
    '192.0.2.1',
  ])('may be %s', (host) => expect(refuse({ headers: { host } })).toBeNull());

  it.each([
    'attacker.example',
    'attacker.example:9530',
    '',
    'localhost.attacker.example',
    '[attacker]',
  ])('may not be %j', (host) => expect(refuse({ headers: { host } })).toBe(403));

  it('may be a name that was given, in any case', () => {
    expect(refuse({ hosts: ['Box.Example'], headers: { host: 'box.example' } })).toBeNull();
  });

  it('is judged for probes too', () => {
    expect(refuse({ openness: 'probe', headers: { host: 'attacker.example' } })).toBe(403);
  });

  it('is not judged beyond loopback', () => {
    expect(refuse({ listenHost: '0.0.0.0', openness: 'probe', headers: { host: 'any.example' } })).toBeNull();
  });
});

describe('a page of another site', () => {
  it('may not ask', () => {
    expect(refuse({ headers: { origin: 'https://attacker.example' } })).toBe(403);
    expect(refuse({ headers: { origin: 'null' } })).toBe(403);
    expect(refuse({ headers: { origin: 'http://127.0.0.1:9530' } })).toBeNull();
  });

  it.each([
    ['POST', 'cross-site', 403],
    ['POST', 'same-site', 403],
    ['POST', 'same-origin', null],
    ['POST', 'none', null],
    ['GET', 'cross-site', null],
  ])('%s from %s', (method, site, status) => {
    expect(refuse({ method, headers: { 'sec-fetch-site': site } })).toBe(status);
  });
});

describe('the token', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it.each([
    ['Bearer the-token', null],
    ['bearer  the-token', null],
    [basic('anybody:the-token'), null],
    [basic(':the-token'), null],
    [basic('the-token'), 401],
    ['Bearer the-tokem', 401],
    ['Bearer the-token2', 401],
    ['the-token', 401],
    ['', 401],
  ])('%j', (authorization, status) => {
    expect(refuse({ token: 'the-token', headers: { authorization } })).toBe(status);
  });

  it('is needed for metrics where one is set, and never for probes', () => {
    expect(refuse({ token: 'the-token', openness: 'metrics' })).toBe(401);
    expect(refuse({ token: 'the-token', openness: 'probe' })).toBeNull();
  });

  it('may contain a colon as a password', () => {
    expect(refuse({ token: 'a:b', headers: { authorization: basic('x:a:b') } })).toBeNull();
  });
});

it.each([
  ['probe', null],
  ['metrics', null],
  ['private', 403],
] as const)('beyond loopback without a token, %s: %s', (openness, status) => {
  expect(refuse({ listenHost: '0.0.0.0', openness })).toBe(status);
});

describe('beyond loopback without a token, a client', () => {
  const listenHost = '0.0.0.0';

  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])('on loopback (%s) sees all', (peer) => {
    expect(refuse({ listenHost, peer })).toBeNull();
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
  ])('that asks %s from that very address sees all', (peer, local) => {
    expect(refuse({ listenHost, peer, local })).toBeNull();
    expect(refuse({ listenHost: '192.0.2.1', peer, local })).toBeNull();
    const headers = { 'x-forwarded-for': '192.0.2.7' };
    expect(refuse({ listenHost, peer, local, headers })).toBe(403);
    expect(refuse({ listenHost, peer, local, headers: { host: 'attacker.example' } })).toBe(403);
    expect(refuse({ listenHost, peer, local, token: 't' })).toBe(401);
  });

  it.each([
    '192.0.2.7',
    '::ffff:192.0.2.7',
    'fe80::1',
    '127.0.0.6',
    '::ffff:127.0.0.6',
  ])('elsewhere (%s) does not', (peer) => {
    expect(refuse({ listenHost, peer })).toBe(403);
  });

  it.each([
    { 'x-forwarded-for': '192.0.2.7' },
    { forwarded: 'for=192.0.2.7' },
    { host: 'attacker.example' },
  ])('behind a proxy, or a web page, does not: %o', (headers) => {
    expect(refuse({ listenHost, peer: '127.0.0.1', headers })).toBe(403);
  });
});

it('where a token is set, it is needed on loopback as well', () => {
  expect(refuse({ listenHost: '0.0.0.0', peer: '127.0.0.1', token: 't' })).toBe(401);
});

it.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['LocalHost', true],
  ['128.0.0.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['127.example', false],
])('isLoopbackHost(%s): %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});
