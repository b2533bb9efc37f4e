import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { Clock } from '../../../src/base/clock.ts';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { MainUpstreams } from '../../../src/server/control/main-upstreams.ts';
import { specFor } from '../../../src/upstream/upstream.ts';

const spec = (slot: number, host: string) =>
  specFor(slot, { endpoint: plainEndpoint(host, 53), origin: FROM_CONFIGURATION });

let upstreams: MainUpstreams;
beforeEach(() => {
  upstreams = new MainUpstreams(new Clock());
  onTestFinished(() => upstreams.close());
});

it('opens one for a spec and keeps it', async () => {
  const one = await upstreams.get(spec(0, '127.0.0.1'));
  expect(await upstreams.get(spec(0, '127.0.0.1'))).toBe(one);
  expect(await upstreams.get(spec(1, '127.0.0.1'))).not.toBe(one);
});

it('opens another when the slot has another server', async () => {
  const one = await upstreams.get(spec(0, '127.0.0.1'));
  expect(await upstreams.get(spec(0, '127.0.0.2'))).not.toBe(one);
});

it('opens one again that was not kept', async () => {
  const [one, two] = [await upstreams.get(spec(0, '127.0.0.1')), await upstreams.get(spec(1, '127.0.0.2'))];
  upstreams.keep([spec(1, '127.0.0.2')]);
  expect(await upstreams.get(spec(0, '127.0.0.1'))).not.toBe(one);
  expect(await upstreams.get(spec(1, '127.0.0.2'))).toBe(two);
});

it('gives each caller of openOnce one of its own', async () => {
  const shared = await upstreams.get(spec(0, '127.0.0.1'));
  const own = await upstreams.openOnce(spec(0, '127.0.0.1'));
  expect(own).not.toBe(shared);
  await own.close(true);
});
