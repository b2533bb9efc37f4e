// Asks the admin listener of the running unloop. Used by health, status and cache.
import { request } from 'node:http';
import { UnloopError } from '../base/errors.ts';
import { formatHostAndPort } from '../base/host-and-port.ts';
import { printable } from '../base/printable.ts';
import type { Config, ListenAddress } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { RunFlags } from './flags.ts';
import { ConfigReader } from './start-config.ts';

const TIMEOUT_MS = 5000;
/** More than any answer has. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface AdminQuestion {
  readonly method: 'GET' | 'POST';
  /** With the query: `/cache/flush?name=www.example`. */
  readonly path: string;
  /** '': none is sent. */
  readonly token: string;
  readonly timeoutMs: number;
}

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

/** Rejects with the system's error when there is no answer. */
export function requestAdmin(listen: ListenAddress, question: AdminQuestion): Promise<AdminAnswer> {
  const { method, path, token, timeoutMs } = question;
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
    const { port } = listen;
    const host = reachable(listen.host);
    const sent = request(
      { host, port, path, method, headers, timeout: timeoutMs, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) response.destroy(new Error('the answer has no end'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Where the admin listener of this configuration is asked. */
export function adminUrl({ host, port }: ListenAddress, path: string): string {
  return `http://${formatHostAndPort(reachable(host), port)}${path}`;
}

/**
 * The listener of the configuration; where that is faulty, the one that --admin names, or that of
 * the configuration that a pod starts with then. Throws UNLOOP_USAGE when it is off.
 */
export function adminOf(
  flags: RunFlags,
  environment: NodeJS.ProcessEnv = process.env,
): { listen: ListenAddress; token: string } {
  const { listen, token } = adminConfig(flags, environment);
  if (listen !== null) return { listen, token };
  throw new UnloopError(
    'UNLOOP_USAGE',
    'the admin listener is off: nothing can be asked',
    'Set admin.listen in the configuration that unloop runs with, and name that file with --config.',
  );
}

function adminConfig(flags: RunFlags, environment: NodeJS.ProcessEnv): Config['admin'] {
  try {
    return new ConfigReader(flags, environment).loadFirst().config.admin;
  } catch (error) {
    // The token is in the file. Without --admin, so is the address.
    if (!flags.overrides.some(({ flag }) => flag === 'admin')) throw error;
    return loadConfig({ path: null, overrides: flags.overrides, environment }).config.admin;
  }
}

/** What a command asks. */
export interface CommandQuestion {
  /** `unloop COMMAND`: whose help is the cure for a question that is refused. */
  readonly command: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly timeoutMs?: number;
}

/** The JSON that the running unloop answers; throws what a person can read where it does not. */
export async function askAdmin(flags: RunFlags, question: CommandQuestion): Promise<unknown> {
  const { command, method, path, timeoutMs = TIMEOUT_MS } = question;
  const { listen, token } = adminOf(flags);
  const url = adminUrl(listen, path);
  let answer: AdminAnswer;
  try {
    answer = await requestAdmin(listen, { method, path, token, timeoutMs });
  } catch (error) {
    throw new UnloopError(
      'UNLOOP_ADMIN_UNREACHABLE',
      `nothing answers at ${url}: ${(error as Error).message}`,
      'Start unloop, or name what it runs with: --config FILE, or --admin ADDR:PORT.',
      { cause: error },
    );
  }
  const body = parseBody(answer.text);
  if (answer.status === 200 && body !== null) return body;
  throw refusal(command, url, answer.status, body);
}

function parseBody(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    return null;
  }
}

/** What the listener said instead, with its own remedy where it has one. */
function refusal(
  command: string,
  url: string,
  status: number,
  body: Record<string, unknown> | null,
): UnloopError {
  const { error = 'it is not an answer of unloop', remedy = 'See what listens there.' } = body ?? {};
  // It may be another program that listens there, of another user.
  const said = printable(String(error));
  const cure = printable(String(remedy));
  const text = `${url} answers ${status}: ${said}`;
  if (status === 400) {
    // "GET /top?limit=N" is the remedy for those who ask over HTTP themselves.
    const own = /^(GET|POST) \//.test(cure) ? `\`unloop help ${command}\` shows what it takes.` : cure;
    return new UnloopError('UNLOOP_USAGE', said, own);
  }
  if (status === 401) {
    const token = 'Set admin.tokenFile or admin.token, in the file named with --config, to the token it has.';
    return new UnloopError('UNLOOP_ADMIN_UNREACHABLE', text, token);
  }
  if (status === 404) {
    const older = 'The running unloop is older than this program: ask it with its own.';
    return new UnloopError('UNLOOP_ADMIN_UNREACHABLE', text, older);
  }
  return new UnloopError('UNLOOP_ADMIN_UNREACHABLE', text, cure);
}

/** A wildcard cannot be asked. On [::] IPv4 is listened on too, and a pod may have no ::1. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
