import { describe, expect, it } from 'vitest';
import { formatTarget, resolveTarget } from '../../src/load/target.ts';

describe('the target', () => {
  const resolve = (text: string, allowPublic = false) =>
    resolveTarget({ text, proto: null, insecure: false, ca: null, allowPublic });

  it('may be on loopback or a private network', async () => {
    expect(await resolve('10.1.2.3:5353')).toMatchObject({ proto: 'udp', address: '10.1.2.3', port: 5353 });
    expect(await resolve('tls://[::1]#dns.example')).toMatchObject({
      proto: 'tls',
      address: '::1',
      port: 853,
      serverName: 'dns.example',
    });
    expect(await resolve('tcp://192.168.0.1')).toMatchObject({ proto: 'tcp', port: 53 });
  });

  it('may not be public unless the user insists', async () => {
    for (const text of ['8.8.8.8', 'tls://1.1.1.1', '[2606:4700::1111]:53'])
      await expect(resolve(text)).rejects.toMatchObject({ code: 'UNLOOP_USAGE', message: /public address/ });
    expect(await resolve('8.8.8.8', true)).toMatchObject({ address: '8.8.8.8' });
  });

  it('may never be a multicast, broadcast or empty address', async () => {
    for (const text of ['224.0.0.251:5353', '255.255.255.255', 'ff02::fb', '0.0.0.0', '127.0.0.1:0'])
      await expect(resolve(text, true)).rejects.toMatchObject({ code: 'UNLOOP_USAGE' });
  });

  it.each([
    ['', '"" is not a target'],
    ['#name', '"#name" is not a target'],
    ['udp://', 'the port must be a number'],
    ['127.0.0.1:65536', 'the port must be a number'],
  ])('may not be %j', async (text, message) => {
    await expect(resolve(text)).rejects.toThrow(message);
  });

  it('has one transport', async () => {
    const given = { text: 'tcp://127.0.0.1', insecure: false, ca: null, allowPublic: false };
    await expect(resolveTarget({ ...given, proto: 'udp' })).rejects.toThrow('contradict each other');
    expect(await resolveTarget({ ...given, proto: 'tcp' })).toMatchObject({ proto: 'tcp' });
    expect(await resolveTarget({ ...given, text: '127.0.0.1', proto: 'tls' })).toMatchObject({ port: 853 });
  });

  it('is written as it may be given', async () => {
    expect(formatTarget(await resolve('[::1]:5300'))).toBe('udp://[::1]:5300');
    expect(formatTarget(await resolve('TLS://127.0.0.1'))).toBe('tls://127.0.0.1:853');
  });
});
