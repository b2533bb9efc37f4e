// A forwarder under test, and unloop as one.
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import { type Stage, TLS_NAME, ZONES, type Zone } from './stage.ts';

/** An address that every forwarder has been told not to serve, as far as it can be told. */
export const DENIED_CLIENT = '127.9.9.9';

export interface Forwarder {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What it has been told to forward where. */
  readonly zones: readonly Zone[];
  /** TCP connections that it serves at once, where that is few. */
  readonly tcpAtOnce?: number;
}

export interface UnloopForwarder extends Forwarder {
  readonly process: UnloopProcess;
}

/** Unloop before the stage's servers. Its times are short, and one worker has the one cache. */
export async function startUnloopForwarder(stage: Stage, native: boolean): Promise<UnloopForwarder> {
  const { plain, slow, hostile, silent, pair, tls } = stage.servers;
  const process = await startUnloop({
    native,
    env: { NODE_EXTRA_CA_CERTS: stage.caPath },
    config: {
      workers: 1,
      upstreams: plain.map(({ port }) => `127.0.0.1:${port}`),
      zones: {
        ...(stage.realPort === 0 ? {} : { [ZONES.real]: { upstreams: [`127.0.0.1:${stage.realPort}`] } }),
        [ZONES.slow]: { upstreams: slow.map(({ port }) => `127.0.0.1:${port}`) },
        [ZONES.hostile]: { upstreams: hostile.map(({ port }) => `127.0.0.1:${port}`) },
        [ZONES.silent]: { upstreams: silent.map(({ port }) => `127.0.0.1:${port}`) },
        [ZONES.pair]: { upstreams: pair.map(({ port }) => `127.0.0.1:${port}`), policy: 'sequential' },
        [ZONES.tls]: { upstreams: tls.map(({ tlsPort }) => `tls://127.0.0.1:${tlsPort}#${TLS_NAME}`) },
      },
      // Others may use the machine at the same time.
      forward: { deadline: '5s' },
      // A day by default: then nothing would show that no TTL passes seven.
      cache: { maxTtl: '7d', serveStale: { after: '1500ms' } },
      limits: { tcpIdle: '3s', deny: [`${DENIED_CLIENT}/32`] },
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  return {
    name: native ? 'addon' : 'fallback',
    address: '127.0.0.1',
    port: process.port,
    zones: [
      'plain',
      'slow',
      'hostile',
      'silent',
      'pair',
      'tls',
      ...(stage.realPort === 0 ? [] : (['real'] as const)),
    ],
    process,
  };
}
