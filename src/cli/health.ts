// `unloop health`: asks the running unloop of the same configuration whether it is alive, for
// supervisors that can only run a program (an image's HEALTHCHECK, in an image without a shell).
// Imported by dispatch.
import { get } from 'node:http';
import { UnloopError } from '../base/errors.ts';
import { formatHostAndPort } from '../base/host-and-port.ts';
import type { ListenAddress } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { parseHealthFlags } from './flags.ts';

/** Below what supervisors usually allow for it (3 s and more). */
const TIMEOUT_MS = 2000;

/** Resolves to 0 when the answer is 200, to 1 for anything else or none; says what it asked. */
export async function main(args: string[]): Promise<number> {
  const { configPath, overrides, ready } = parseHealthFlags(args);
  const { listen } = loadConfig({ path: configPath, overrides }).config.admin;
  if (listen === null) {
    const remedy = 'Set admin.listen, or do without `unloop health`.';
    throw new UnloopError('UNLOOP_USAGE', 'the admin listener is off: nothing can be asked', remedy);
  }
  const path = ready ? '/ready' : '/health';
  const { ok, text } = await ask(listen, path);
  const asked = `http://${formatHostAndPort(reachable(listen.host), listen.port)}${path}`;
  (ok ? process.stdout : process.stderr).write(`${asked}: ${text.trim()}\n`);
  return ok ? 0 : 1;
}

function ask({ host, port }: ListenAddress, path: string): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve) => {
    const request = get(
      { host: reachable(host), port, path, timeout: TIMEOUT_MS, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ ok: response.statusCode === 200, text }));
        response.on('error', (error) => resolve({ ok: false, text: error.message }));
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on('error', (error) => resolve({ ok: false, text: error.message }));
  });
}

/** A wildcard is listened on, but cannot be asked. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
