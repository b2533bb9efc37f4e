import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const load = () => import('../../src/io/native-addon.ts');

describe('the addon', () => {
  it('can be switched off, and says so', async () => {
    vi.stubEnv('UNLOOP_NATIVE', '0');
    const { nativeAddon, nativeStatus } = await load();
    expect(nativeAddon()).toBeNull();
    expect(nativeStatus()).toEqual({ available: false, reason: 'UNLOOP_NATIVE=0' });
  });

  it('is loaded once, and its status does not change afterwards', async () => {
    const { nativeAddon, nativeStatus } = await load();
    const before = nativeStatus();
    vi.stubEnv('UNLOOP_NATIVE', '0');
    expect(nativeStatus()).toEqual(before);
    expect(nativeAddon() !== null).toBe(before.available);
  });
});

it.each([
  [{}, 0],
  [{ reusePort: false, claim: true }, 0],
  [{ reusePort: true }, 1],
  [{ reusePort: true, claim: false }, 1],
  [{ reusePort: true, claim: true }, 2],
])('shares an address with %j as %d', async (options, sharing) => {
  expect((await load()).sharingOf(options)).toBe(sharing);
});
