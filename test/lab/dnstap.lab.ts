// dnstap as others read it: Debian's fstrm_capture takes the stream over a Unix socket and over
// TCP, and dnstap-ldns reads the file.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { answer, nxdomain } from '../kit/answers.ts';
import { askUdp } from '../kit/dns-client.ts';
import { freePort } from '../kit/free-port.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';

const CONTENT_TYPE = 'protobuf:dnstap.Dnstap';
const WITHIN = { timeout: 20_000 };
const NXDOMAIN = 3;

it.each(['unix', 'tcp'])('is read by foreign programs over %s', async (kind) => {
  const folder = scratchDirectory();
  const file = join(folder, 'events');
  const path = join(folder, 'socket');
  const port = await freePort();
  const listen = kind === 'unix' ? ['-u', path] : ['-a', '127.0.0.1', '-p', String(port)];
  const capture = new Child(['fstrm_capture', '-t', CONTENT_TYPE, ...listen, '-w', file], {
    stopWithinMs: 5000,
  });
  const upstream = await startScriptedUpstream((query) =>
    query.name.toLowerCase().startsWith('no.') ? nxdomain(query) : answer(query),
  );
  const unloop = await startUnloop({
    config: {
      upstreams: [`127.0.0.1:${upstream.port}`],
      workers: 2,
      dnstap: { output: kind === 'unix' ? `unix:${path}` : `tcp:127.0.0.1:${port}`, identity: 'lab' },
    },
  });
  try {
    const sent = async () => (await unloop.metrics()).value('unloop_dnstap_sent_total');
    await expect
      .poll(async () => (await unloop.metrics()).value('unloop_dnstap_connections'), WITHIN)
      .toBe(2);
    expect((await askUdp(unloop.port, { name: 'www.dnstap.example' })).rcode).toBe(0);
    expect((await askUdp(unloop.port, { name: 'no.dnstap.example' })).rcode).toBe(NXDOMAIN);
    await expect.poll(sent, WITHIN).toBeGreaterThanOrEqual(8);
    expect(await unloop.stop()).toBe(0);
  } finally {
    await capture.stop();
    await upstream.close();
  }
  expect(existsSync(file) && readFileSync(file).length).toBeGreaterThan(0);
  const lines = execFileSync('dnstap-ldns', ['-q', '-r', file], { encoding: 'utf8' }).trim().split('\n');
  const of = (word: string) => lines.filter((line) => line.includes(` ${word} `));
  const wwwOf = (word: string) => of(word).filter((line) => /www\.dnstap\.example/i.test(line));
  for (const word of ['CQ', 'CR', 'FQ', 'FR']) expect(wwwOf(word), lines.join('\n')).toHaveLength(1);
  expect(wwwOf('CQ')[0]).toContain('127.0.0.1');
  expect(wwwOf('FQ')[0]).toContain('UDP');
  const yaml = execFileSync('dnstap-ldns', ['-y', '-r', file], { encoding: 'utf8' });
  expect(yaml).toContain('identity: "lab"');
  expect(yaml).toMatch(/version: "unloop /);
  expect(yaml).toContain('type: CLIENT_RESPONSE');
  expect(yaml).toContain('NXDOMAIN');
});
