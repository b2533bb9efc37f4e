// dnstap for a worker: none unless it is configured, and where it goes.
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { Counters, createCounterBlock } from '../../../src/metrics/counters.ts';
import { openTap, targetOf } from '../../../src/server/worker/open-tap.ts';
import { faultsOf, load } from '../../config/load-text.ts';

const counters = new Counters(createCounterBlock());

it('is off unless it has somewhere to go', async () => {
  const { config } = loadConfig({ path: null, environment: {} });
  expect(await openTap(config, counters, () => {})).toBeNull();
});

it('is opened where the configuration says', async () => {
  const { config } = load('dnstap: { output: "unix:/nowhere/dnstap.sock" }');
  const tap = await openTap(config, counters, () => {});
  expect(tap).not.toBeNull();
  await tap!.output.close();
});

it.each([
  ['unix:/run/dnstap.sock', { path: '/run/dnstap.sock' }],
  ['tcp:127.0.0.1:6000', { host: '127.0.0.1', port: 6000 }],
  ['tcp:[2001:db8::1]:65535', { host: '2001:db8::1', port: 65_535 }],
  ['tcp:dnstap.example:1', { host: 'dnstap.example', port: 1 }],
])('reads %s', (output, target) => {
  expect(load(`dnstap: { output: "${output}" }`).config.dnstap.output).toBe(output);
  expect(targetOf(output)).toEqual(target);
});

it.each([
  '/run/dnstap.sock',
  'unix:run',
  'unix:/',
  'tcp:127.0.0.1',
  'tcp::53',
  'tcp:a:0',
  'tcp:a:65536',
])('refuses %s', (output) => {
  expect(faultsOf(`dnstap: { output: "${output}" }`)).toEqual([
    expect.stringContaining('is not unix:/PATH or tcp:HOST:PORT'),
  ]);
});
