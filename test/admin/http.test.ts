import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { on, once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_STREAMS } from '../../src/admin/event-streams.ts';
import { type AdminOptions, type AdminServer, startAdmin } from '../../src/admin/http.ts';
import { UnloopError } from '../../src/base/errors.ts';
import { parseUpstream } from '../../src/config/parse-upstream.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import type { Explanation } from '../../src/pipeline/explain.ts';
import { parsePrometheusText } from '../kit/prometheus-text.ts';
import { createBusySnapshot } from '../metrics/sample-snapshot.ts';
import { ask, askRaw, EPISODE, SampleAdmin, UPSTREAM } from './sample-admin.ts';

const GET_PATHS = [
  '/health',
  '/ready',
  '/serving',
  '/metrics',
  '/status',
  '/cache/entries',
  '/upstreams',
  '/loops',
  '/config',
  '/',
];

let source: SampleAdmin;
let reported: Error[];
let server: AdminServer;

async function start(options: Partial<AdminOptions> = {}): Promise<AdminServer> {
  return startAdmin(
    {
      listen: { host: '127.0.0.1', port: 0 },
      token: '',
      report: (error) => reported.push(error),
      ...options,
    },
    source,
  );
}

beforeEach(async () => {
  source = new SampleAdmin();
  reported = [];
  server = await start();
});

afterEach(async () => {
  await server.close();
});

describe('/explain', () => {
  it('explains a query by POST, as it is asked', async () => {
    source.explanationNow = { summary: 'NOERROR' } as Explanation;
    const path = '/explain?name=WWW.example&type=aaaa&client=10.0.0.7&dryRun=true';
    const { status, text } = await ask(server, 'POST', path);
    expect([status, JSON.parse(text)]).toEqual([200, { summary: 'NOERROR' }]);
    expect(source.explained).toEqual([
      { name: 'www.example', type: 'aaaa', client: '10.0.0.7', dryRun: true },
    ]);
  });

  it('refuses GET with the remedy, and says when too many ask', async () => {
    const get = await ask(server, 'GET', '/explain?name=www.example');
    expect([get.status, JSON.parse(get.text).remedy]).toEqual([
      405,
      'Send POST /explain: GET only reads, and this asks servers or changes the cache.',
    ]);
    expect(source.explained).toEqual([]);
    expect((await ask(server, 'POST', '/explain?name=www.example')).status).toBe(429);
  });

  it('waits for one that takes as long as forward.deadline may be', async () => {
    const sockets: Socket[] = [];
    const note = (message: unknown) => void sockets.push((message as { socket: Socket }).socket);
    subscribe('http.server.request.start', note);
    let idleMs: number | undefined;
    source.explain = async () => {
      idleMs = sockets.at(-1)?.timeout;
      return { summary: 'SERVFAIL' } as Explanation;
    };
    const { status } = await ask(server, 'POST', '/explain?name=www.example');
    unsubscribe('http.server.request.start', note);
    expect(status).toBe(200);
    expect(idleMs).toBeGreaterThan(30_000);
  });

  it('refuses what it cannot explain', async () => {
    expect((await ask(server, 'POST', '/explain')).status).toBe(400);
    expect(source.explained).toEqual([]);
  });
});

describe('routes', () => {
  it('/health says that the process is alive', async () => {
    const { status, text } = await ask(server, 'GET', '/health');
    expect([status, JSON.parse(text)]).toEqual([200, { status: 'ok' }]);
  });

  it('/ready is 200 when ready and 503 with the reason when not', async () => {
    const ready = await ask(server, 'GET', '/ready');
    expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { ready: true }]);
    source.readinessNow = { ready: false, reason: 'draining' };
    const draining = await ask(server, 'GET', '/ready');
    expect([draining.status, JSON.parse(draining.text)]).toEqual([503, { ready: false, reason: 'draining' }]);
  });

  it('/serving is 503 while draining, and for nothing else', async () => {
    source.readinessNow = { ready: false, reason: 'no upstream is known' };
    const serving = await ask(server, 'GET', '/serving');
    expect([serving.status, JSON.parse(serving.text)]).toEqual([200, { serving: true }]);
    source.readinessNow = { ready: false, reason: 'draining' };
    const draining = await ask(server, 'GET', '/serving');
    expect([draining.status, JSON.parse(draining.text)]).toEqual([503, { serving: false }]);
  });

  it('/health stays 200 while draining', async () => {
    source.readinessNow = { ready: false, reason: 'draining' };
    expect((await ask(server, 'GET', '/health')).status).toBe(200);
  });

  it('/metrics passes the exposition on, query or not', async () => {
    source.metricsNow = createExposition(() => createBusySnapshot(), { coredns: true });
    const { status, headers, text } = await ask(server, 'GET', '/metrics?name[]=x');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parsePrometheusText(text).has('unloop_queries_total')).toBe(true);
  });

  it('/upstreams has the fields of the contract and no other', async () => {
    source.upstreamList = [{ ...UPSTREAM, slot: 5 } as typeof UPSTREAM];
    const { text } = await ask(server, 'GET', '/upstreams');
    expect(text).toBe(
      '{"upstreams":[{"address":"10.0.0.2:53","transport":"udp","zones":["."],"state":"up",' +
        '"source":"/run/systemd/resolve/resolv.conf","replaces":"127.0.0.53:53","rttMs":1.2,"learned":[],"condition":"answers","lastError":"",' +
        '"since":"2026-11-23T10:00:00.000Z","queries":12,"failures":{"timeout":3},"quarantinedUntil":null}]}\n',
    );
  });

  it('/loops has the fields of the contract and no other', async () => {
    source.episodes = [{ ...EPISODE, route: 1 } as typeof EPISODE];
    const { text } = await ask(server, 'GET', '/loops');
    expect(text).toBe(
      '{"episodes":[{"upstream":"127.0.0.1:5398","zone":".","evidence":"edns","state":"open","count":3,' +
        '"first":"2026-11-23T10:00:00.000Z","last":"2026-11-23T10:00:05.000Z",' +
        '"path":["127.0.0.1:5300","127.0.0.1:5398","127.0.0.1:5300"],' +
        '"cure":"Point 127.0.0.1:5398 at the real servers."}]}\n',
    );
  });

  it('/config shows the configuration without its secrets', async () => {
    source.configNow = {
      admin: { token: 'hunter2', listen: { host: '::1', port: 1 } },
      loop: { clusterKey: 'hunter3', ring: 'default' },
      upstreams: [{ text: 'https://me:hunter4@doh.example/q', host: 'doh.example' }],
    };
    const { text } = await ask(server, 'GET', '/config');
    expect(JSON.parse(text)).toEqual({
      admin: { token: '***', listen: { host: '::1', port: 1 } },
      loop: { clusterKey: '***', ring: 'default' },
      upstreams: [{ text: 'https://***@doh.example/q', host: 'doh.example' }],
    });
  });

  it('/config shows upstreams with the names that it has always had', async () => {
    source.configNow = { upstreams: [parseUpstream('https://doh.example/q')] };
    const { text } = await ask(server, 'GET', '/config');
    expect(JSON.parse(text).upstreams).toEqual([
      {
        text: 'https://doh.example:443/q',
        transport: 'https',
        host: 'doh.example',
        port: 443,
        serverName: 'doh.example',
        path: '/q',
      },
    ]);
  });

  it('/ is the status page', async () => {
    const { status, headers, text } = await ask(server, 'GET', '/');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(text).toContain('<strong>Healthy</strong>');
  });

  it('answers in JSON what there is not', async () => {
    for (const path of ['/nothing', '/health/', '//health', '/../health', '/%68ealth', '/cache']) {
      const { status, headers, text } = await ask(server, 'GET', path);
      expect([path, status]).toEqual([path, 404]);
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      expect(JSON.parse(text).error).toBe('no such path');
    }
  });

  it.each(GET_PATHS)('HEAD %s has the headers of GET and no body', async (path) => {
    const get = await ask(server, 'GET', path);
    const head = await ask(server, 'HEAD', path);
    expect(head.status).toBe(get.status);
    expect(head.text).toBe('');
    expect(Number(head.headers['content-length'])).toBeGreaterThan(0);
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  });

  it.each(GET_PATHS)('%s takes no other method', async (path) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const { status, headers } = await ask(server, method, path);
      expect([method, status, headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
  });

  it('answers what goes wrong inside with 500, and reports it', async () => {
    source.metricsNow = async () => {
      throw new Error('secret detail');
    };
    const { status, text } = await ask(server, 'GET', '/metrics');
    expect(status).toBe(500);
    expect(text).not.toContain('secret detail');
    expect(reported.map((error) => error.message)).toEqual(['secret detail']);
  });
});

describe('GET /events', () => {
  /** Opens a stream; resolves once its head has come. */
  async function openStream(path = '/events'): Promise<{ socket: Socket; text: () => string }> {
    const socket = createConnection({ host: '127.0.0.1', port: server.port });
    let received = '';
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await expect.poll(() => received).toContain('retry: ');
    return { socket, text: () => received };
  }

  it('is a stream of the status, with what happens now', async () => {
    const { socket, text } = await openStream();
    expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream; charset=utf-8\r\n/);
    expect(text()).toContain('Cache-Control: no-store');
    await expect.poll(text, { timeout: 10_000 }).toMatch(/event: status\ndata: .*\n\n/);
    const [, data] = /\ndata: (.*)\n/.exec(text())!;
    expect(JSON.parse(data!)).toMatchObject({ verdict: { headline: 'Healthy' }, live: { hitShare: null } });
    socket.destroy();
  });

  it('has the page for its script, and no other view', async () => {
    const { socket, text } = await openStream('/events?view=page');
    await expect.poll(text, { timeout: 10_000 }).toMatch(/event: page\ndata: \{"version":"1\.2\.3"/);
    socket.destroy();
    expect((await ask(server, 'GET', '/events?view=x')).status).toBe(400);
  });

  it('is private, and HEAD of it is not a stream', async () => {
    const guarded = await start({ token: 'secret' });
    expect((await ask(guarded, 'GET', '/events')).status).toBe(401);
    await guarded.close();
    const { status, headers } = await ask(server, 'HEAD', '/events');
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect((await ask(server, 'POST', '/events')).status).toBe(405);
  });

  it('has bounded streams, and lets the next one in when a reader leaves', async () => {
    const streams = await Promise.all(Array.from({ length: MAX_STREAMS }, () => openStream()));
    const refused = await ask(server, 'GET', '/events');
    expect([refused.status, JSON.parse(refused.text).remedy]).toEqual([
      503,
      expect.stringContaining('/status'),
    ]);
    expect((await ask(server, 'GET', '/status')).status).toBe(200);
    streams[0]!.socket.destroy();
    await expect.poll(async () => (await ask(server, 'HEAD', '/events')).status).toBe(200);
    for (const { socket } of streams) socket.destroy();
  });

  it('ends with the listener', async () => {
    const { socket } = await openStream();
    const ended = once(socket, 'close');
    await server.close();
    await ended;
  });
});

describe('POST /cache/flush', () => {
  it('flushes everything, a name, a zone or a name in a zone', async () => {
    for (const query of ['', '?', '?name=WWW.Example.com.', '?zone=.', '?name=a.b&zone=Cluster.local']) {
      const { status, text } = await ask(server, 'POST', `/cache/flush${query}`);
      expect([status, text]).toEqual([200, '{"flushed":7}\n']);
    }
    expect(source.flushes).toEqual([
      { name: null, zone: null },
      { name: null, zone: null },
      { name: 'www.example.com', zone: null },
      { name: null, zone: '.' },
      { name: 'a.b', zone: 'cluster.local' },
    ]);
  });

  it('refuses what it does not understand rather than flush more than was meant', async () => {
    const long = 'a'.repeat(64);
    for (const query of [
      '?nmae=example.com',
      '?name=',
      '?name=a..b',
      '?name=a&name=b',
      `?name=${long}.com`,
      `?name=${'abcdefg.'.repeat(32)}x`,
      '?name=a%20b',
      '?name=caf%C3%A9.example',
      '?name=a%00',
      '?zone=',
    ]) {
      const { status, text } = await ask(server, 'POST', `/cache/flush${query}`);
      expect([query, status]).toEqual([query, 400]);
      expect(Object.keys(JSON.parse(text))).toEqual(['error', 'remedy']);
    }
    expect(source.flushes).toEqual([]);
  });

  it('passes on what the server refuses', async () => {
    source.flushNow = async () => {
      throw new UnloopError('UNLOOP_USAGE', 'no zone corp', 'Zones are . and cluster.local.');
    };
    const { status, text } = await ask(server, 'POST', '/cache/flush?zone=corp');
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { error: 'no zone corp', remedy: 'Zones are . and cluster.local.' },
    ]);
    expect(reported).toEqual([]);
  });

  it('is not done by GET or HEAD', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      const { status, headers } = await ask(server, method, '/cache/flush');
      expect([method, status, headers.allow]).toEqual([method, 405, 'POST']);
    }
    expect(source.flushes).toEqual([]);
  });
});

describe('web pages that reach for loopback', () => {
  it.each([
    'evil.example',
    'evil.example:9530',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '[::1',
    'a b',
    '@127.0.0.1',
  ])('a Host of %j is refused on every route', async (host) => {
    for (const path of [...GET_PATHS, '/nothing']) {
      const { status } = await ask(server, 'GET', path, { Host: host });
      expect([path, status]).toEqual([path, 403]);
    }
    expect((await ask(server, 'POST', '/cache/flush', { Host: host })).status).toBe(403);
    expect(source.flushes).toEqual([]);
  });

  it.each([
    '127.0.0.1',
    '127.0.0.1:9530',
    'localhost',
    'LocalHost:9530',
    'localhost.',
    '[::1]:9530',
    '10.1.2.3',
    '[fe80::1]',
  ])('a Host of %s is served', async (host) => {
    expect((await ask(server, 'GET', '/upstreams', { Host: host })).status).toBe(200);
  });

  it('a configured name is served', async () => {
    const named = await start({ hosts: ['Status.Example'] });
    expect((await ask(named, 'GET', '/', { Host: 'status.example:80' })).status).toBe(200);
    expect((await ask(named, 'GET', '/', { Host: 'other.example' })).status).toBe(403);
    await named.close();
  });

  it.each([
    'http://evil.example',
    'null',
    'http://127.0.0.1:1',
    'file://',
    'https://127.0.0.1.evil.example',
  ])('an Origin of %s is refused', async (Origin) => {
    for (const path of GET_PATHS) expect((await ask(server, 'GET', path, { Origin })).status).toBe(403);
    expect((await ask(server, 'POST', '/cache/flush', { Origin })).status).toBe(403);
    expect(source.flushes).toEqual([]);
  });

  it('its own page is served', async () => {
    const Host = `127.0.0.1:${server.port}`;
    const own = { Host, Origin: `http://${Host}`, 'Sec-Fetch-Site': 'same-origin' };
    expect((await ask(server, 'POST', '/cache/flush', own)).status).toBe(200);
  });

  it('refuses a POST that comes from another site, not a link from there', async () => {
    for (const site of ['cross-site', 'same-site']) {
      expect((await ask(server, 'POST', '/cache/flush', { 'Sec-Fetch-Site': site })).status).toBe(403);
      expect((await ask(server, 'GET', '/', { 'Sec-Fetch-Site': site })).status).toBe(200);
    }
    expect(source.flushes).toEqual([]);
  });

  it('an empty Host is refused', async () => {
    const raw = await askRaw(server, 'GET /upstreams HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n');
    expect(raw).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('a target with a host of its own is refused', async () => {
    const raw = await askRaw(
      server,
      'GET http://evil.example/upstreams HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
    );
    expect(raw).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('no answer may be framed, sniffed, stored or read by another origin', async () => {
    for (const path of [...GET_PATHS, '/nothing']) {
      const { headers } = await ask(server, 'GET', path);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['cross-origin-resource-policy']).toBe('same-origin');
      expect(headers['content-security-policy']).toMatch(/default-src 'none'/);
      expect(headers['content-security-policy']).not.toMatch(/unsafe/);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});

describe('with a token', () => {
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

  it.each(['127.0.0.1', '0.0.0.0'])('on %s all but the probes need it', async (host) => {
    const guarded = await start({ listen: { host, port: 0 }, token: 'sésame-1' });
    const target = { address: '127.0.0.1', port: guarded.port };
    for (const path of ['/health', '/ready']) expect((await ask(target, 'GET', path)).status).toBe(200);
    for (const path of ['/metrics', '/upstreams', '/loops', '/config', '/', '/nothing']) {
      const { status, headers } = await ask(target, 'GET', path);
      expect([path, status]).toEqual([path, 401]);
      expect(headers['www-authenticate']).toContain('Bearer');
    }
    expect((await ask(target, 'POST', '/cache/flush')).status).toBe(401);
    expect(source.flushes).toEqual([]);
    await guarded.close();
  });

  it('offers Bearer and Basic on a line each, as browsers read one challenge a line', async () => {
    const guarded = await start({ token: 'secret' });
    const text = await askRaw(guarded, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    expect(text.match(/^WWW-Authenticate: \w+/gm)).toEqual([
      'WWW-Authenticate: Bearer',
      'WWW-Authenticate: Basic',
    ]);
    await guarded.close();
  });

  it('the token opens, as Bearer or as the password of Basic; nothing else does', async () => {
    const guarded = await start({ token: 'open-sesame' });
    for (const headers of [
      bearer('open-sesame'),
      { Authorization: 'bearer open-sesame' },
      basic('me:open-sesame'),
      basic(':open-sesame'),
    ]) {
      expect((await ask(guarded, 'GET', '/config', headers)).status).toBe(200);
    }
    for (const headers of [
      bearer('open-sesam'),
      bearer('open-sesame1'),
      bearer(''),
      basic('open-sesame'),
      basic('open-sesame:'),
      { Authorization: 'open-sesame' },
      { Authorization: 'Digest open-sesame' },
    ]) {
      expect((await ask(guarded, 'GET', '/config', headers)).status).toBe(401);
    }
    await guarded.close();
  });

  it('a colon may be in it', async () => {
    const guarded = await start({ token: 'a:b' });
    expect((await ask(guarded, 'GET', '/', basic('me:a:b'))).status).toBe(200);
    await guarded.close();
  });

  it('a foreign page is refused even with it', async () => {
    const guarded = await start({ listen: { host: '0.0.0.0', port: 0 }, token: 't' });
    const target = { address: '127.0.0.1', port: guarded.port };
    const headers = { ...basic(':t'), Origin: 'http://evil.example' };
    expect((await ask(target, 'POST', '/cache/flush', headers)).status).toBe(403);
    await guarded.close();
  });
});

describe('beyond loopback without a token', () => {
  it('serves probes and metrics under any name, and says how to get the rest', async () => {
    const open = await start({ listen: { host: '0.0.0.0', port: 0 } });
    const target = { address: '127.0.0.1', port: open.port };
    for (const path of ['/health', '/ready', '/metrics']) {
      expect((await ask(target, 'GET', path, { Host: 'unloop.monitoring.svc' })).status).toBe(200);
    }
    // A proxy on this machine that speaks for somebody else.
    for (const from of [{ 'X-Forwarded-For': '192.0.2.7' }, { Forwarded: 'for=192.0.2.7' }]) {
      for (const path of ['/status', '/upstreams', '/loops', '/config', '/', '/nothing']) {
        const { status, text } = await ask(target, 'GET', path, from);
        expect([path, status]).toEqual([path, 403]);
        expect(JSON.parse(text).remedy).toContain('admin.tokenFile');
      }
      expect((await ask(target, 'POST', '/cache/flush', from)).status).toBe(403);
    }
    expect(source.flushes).toEqual([]);
    await open.close();
  });

  it('serves all to a client on loopback, unless a web page borrows it', async () => {
    const open = await start({ listen: { host: '0.0.0.0', port: 0 } });
    const target = { address: '127.0.0.1', port: open.port };
    for (const path of GET_PATHS)
      expect([path, (await ask(target, 'GET', path)).status]).toEqual([path, 200]);
    const Host = 'attacker.example';
    expect((await ask(target, 'GET', '/config', { Host })).status).toBe(403);
    expect((await ask(target, 'POST', '/cache/flush', { Host })).status).toBe(403);
    expect(source.flushes).toEqual([]);
    expect((await ask(target, 'POST', '/cache/flush')).status).toBe(200);
    await open.close();
  });
});

describe('limits', () => {
  it('headers of more than 8 KiB are refused', async () => {
    const raw = await askRaw(
      server,
      `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: ${'a'.repeat(9000)}\r\n\r\n`,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('a body of 1 KiB is taken, one byte more is not, announced or not', async () => {
    expect((await ask(server, 'POST', '/cache/flush', {}, 'a'.repeat(1024))).status).toBe(200);
    source.flushes.length = 0;
    expect((await ask(server, 'POST', '/cache/flush', {}, 'a'.repeat(1025))).status).toBe(413);
    const chunked = await askRaw(
      server,
      `POST /cache/flush HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n${'a'.repeat(1025)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close/);
    expect(source.flushes).toEqual([]);
  });

  describe('64 connections do not blind the probes', () => {
    /** Connections of one peer, each with so much of a request sent. */
    async function occupy(count: number, text: string): Promise<Socket[]> {
      const sockets: Socket[] = [];
      for (let i = 0; i < count; i++) {
        const socket = createConnection({ host: '127.0.0.1', port: server.port, localAddress: '127.0.0.2' });
        socket.on('error', () => {});
        sockets.push(socket);
        await once(socket, 'connect');
        socket.write(text);
      }
      return sockets;
    }

    it.each([
      ['silent', ''],
      ['slow', 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
      [
        'slow with their bodies',
        'POST /cache/flush HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\na',
      ],
      ['kept alive', 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
    ])('that are %s', async (_, text) => {
      const greedy = await occupy(64, text);
      for (let probe = 0; probe < 24; probe++) {
        const { status } = await ask(server, 'GET', '/health', { Connection: 'close' });
        expect(status).toBe(200);
      }
      for (const socket of greedy) socket.destroy();
    });

    it('that do not read what they asked for', async () => {
      // So long that it does not fit into the sockets' buffers.
      source.metricsNow = async () => ({ contentType: 'text/plain', text: 'x'.repeat(6 * 1024 * 1024) });
      const greedy = await occupy(56, 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      for (const socket of greedy) socket.pause();
      await expect.poll(async () => (await ask(server, 'GET', '/metrics')).status).toBe(503);
      await occupy(8, '');
      for (let probe = 0; probe < 24; probe++)
        expect((await ask(server, 'GET', '/health', { Connection: 'close' })).status).toBe(200);
      for (const socket of greedy) socket.destroy();
    });

    it('closes the oldest connection of the peer that has most, none of a modest peer', async () => {
      const modest = createConnection({ host: '127.0.0.1', port: server.port, localAddress: '127.0.0.3' });
      await once(modest, 'connect');
      const greedy = await occupy(63, '');
      const oldestEnds = once(greedy[0]!, 'close');
      await occupy(1, '');
      await oldestEnds;
      modest.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      const [bytes] = (await once(modest, 'data')) as [Buffer];
      expect(bytes.toString()).toMatch(/^HTTP\/1\.1 200 /);
      for (const socket of [modest, ...greedy]) socket.destroy();
    });
  });

  it('the 101st request on a connection is not served', async () => {
    const socket = createConnection({ host: '127.0.0.1', port: server.port });
    socket.setEncoding('latin1');
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(101));
    let received = '';
    for await (const [text] of on(socket, 'data')) {
      received += text;
      if (received.includes('HTTP/1.1 503 ')) break;
    }
    expect(received.split('HTTP/1.1 200 ').length - 1).toBe(100);
    socket.destroy();
  });

  it('a request that is never finished is ended', async () => {
    expect(
      await askRaw(server, 'POST /cache/flush HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\na'),
    ).toMatch(/^HTTP\/1\.1 408 /);
    expect(source.flushes).toEqual([]);
  });

  it('garbage gets 400 and the connection closed', async () => {
    expect(await askRaw(server, '\x16\x03\x01\x02\x00\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('two Host headers are refused, alike or not', async () => {
    for (const second of ['127.0.0.1', 'evil.example'])
      expect(
        await askRaw(server, `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: ${second}\r\n\r\n`),
      ).toMatch(/^HTTP\/1\.1 400 [\s\S]*more than one Host header/);
  });

  it('HTTP/1.1 without Host is refused', async () => {
    expect(await askRaw(server, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });
});

describe('starting and stopping', () => {
  it('says address and port', async () => {
    expect(server.address).toBe('127.0.0.1');
    expect(server.port).toBeGreaterThan(0);
  });

  it('listens on IPv6', async () => {
    const six = await start({ listen: { host: '::1', port: 0 } });
    expect((await ask(six, 'GET', '/loops')).status).toBe(200);
    await six.close();
  });

  it('a port in use fails with a code and a remedy', async () => {
    const failure = await start({ listen: { host: '127.0.0.1', port: server.port } }).catch((error) => error);
    expect(failure).toBeInstanceOf(UnloopError);
    expect(failure.code).toBe('UNLOOP_ADMIN_LISTEN_FAILED');
    expect(failure.message).toContain(`127.0.0.1 port ${server.port}`);
    expect(failure.remedy).toContain('admin.listen');
  });

  it('an address of another machine fails with a code and a remedy', async () => {
    const failure = await start({ listen: { host: '192.0.2.1', port: 0 } }).catch((error) => error);
    expect(failure.code).toBe('UNLOOP_ADMIN_LISTEN_FAILED');
    expect(failure.remedy).toContain('no such address');
  });

  it('closes though a connection is kept alive, and closes twice', async () => {
    const socket = createConnection({ host: '127.0.0.1', port: server.port });
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await server.close();
    await closed;
    await server.close();
    await expect(ask(server, 'GET', '/health')).rejects.toThrow();
  });

  it('lets an answer under way finish', async () => {
    let finish = (_flushed: number) => {};
    source.flushNow = () => new Promise((resolve) => (finish = resolve));
    const answer = ask(server, 'POST', '/cache/flush');
    while (source.flushes.length === 0) await new Promise(setImmediate);
    const closing = server.close();
    finish(3);
    expect((await answer).text).toBe('{"flushed":3}\n');
    await closing;
  });
});
