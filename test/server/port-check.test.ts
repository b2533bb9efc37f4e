// Addresses are tried before they are shared; what is our own already cannot be tried.
import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { assertFree, refuseTaken, refuseTakenByOthers } from '../../src/server/port-check.ts';

describe('port check', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function takenPort(): Promise<number> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => socket.close(() => resolve())));
    return socket.address().port;
  }

  it('refuses an address that somebody has, and says how to mend it', async () => {
    const port = await takenPort();
    await expect(refuseTaken({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'UNLOOP_LISTEN_FAILED',
      message: expect.stringContaining('cannot listen'),
    });
    await expect(assertFree({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await refuseTaken({ host: '127.0.0.1', port: 0 });
  });

  it('does not take ourselves for somebody else: the same address, or a wildcard on its port', async () => {
    const port = await takenPort();
    const own = { host: '127.0.0.1', port };
    await refuseTakenByOthers([own], [own]);
    await refuseTakenByOthers([{ host: '0.0.0.0', port }], [own]);
    await refuseTakenByOthers([own], [{ host: '0.0.0.0', port }]);
    const other = await takenPort();
    await expect(refuseTakenByOthers([own, { host: '127.0.0.1', port: other }], [own])).rejects.toThrow(
      /cannot listen/,
    );
  });
});
