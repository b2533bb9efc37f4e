// Live questions to the servers that the files name: one everybody may ask (. NS), and, of servers
// that are not public, one for a name that was never asked for before, which no cache can answer.
// Called by main; a few packets, two seconds at most.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../base/endpoint.ts';
import { isPublicAddress } from '../upstream/public-address.ts';
import { writeQuestion } from '../wire/build-query.ts';
import { readUint16 } from '../wire/bytes.ts';
import { Class, rcodeName, Type } from '../wire/codes.ts';
import { writeOpt } from '../wire/edns.ts';
import { FLAG_RD, readId, writeId } from '../wire/header.ts';
import { equalQuestions } from '../wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../wire/response.ts';
import { textToName } from '../wire/text.ts';
import type { Probe } from './report.ts';
import { plainEndpointOf, type Target } from './service.ts';

/** CoreDNS gives an upstream as long. */
const PATIENCE_MS = 2000;
/** More servers than that are not asked. */
const MAX_SERVERS = 16;
const UDP_SIZE = 1232;

/** How to ask. */
export interface AskOptions {
  /** Public servers get the random name too. */
  readonly probePublic: boolean;
  readonly patienceMs?: number;
}

interface Answer {
  readonly outcome: Probe['outcome'];
  readonly rttMs: number;
  readonly rcode: string;
  readonly extendedError: string;
}

/**
 * Asks all of them at once. Servers that are no plain address and port (tls://…) are left out.
 * Never rejects.
 */
export async function askServers(targets: readonly Target[], options: AskOptions): Promise<Probe[]> {
  const plain = targets.filter((target) => plainEndpointOf(target) !== null).slice(0, MAX_SERVERS);
  return Promise.all(plain.map(({ endpoint, text }) => askServer(endpoint!, text, options)));
}

async function askServer(endpoint: Endpoint, server: string, options: AskOptions): Promise<Probe> {
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const mayAskNewName = options.probePublic || !isPublicAddress(endpoint.host);
  const [known, fresh] = await Promise.all([
    ask(endpoint, new Uint8Array(1), Type.NS, patienceMs),
    mayAskNewName ? ask(endpoint, makeNewName(), Type.HINFO, patienceMs) : null,
  ]);
  return {
    server,
    outcome: fresh?.outcome === 'answered' ? 'answered' : known.outcome,
    rttMs: known.outcome === 'answered' ? known.rttMs : (fresh?.rttMs ?? 0),
    rcode: known.rcode,
    // An error tells no more than silence: the one who asked the server gets it in the end.
    answersNewNames: fresh === null ? null : fresh.outcome === 'answered' && fresh.rcode !== 'SERVFAIL',
    extendedError: fresh?.extendedError || known.extendedError,
  };
}

/** Two random labels: under no zone that a server answers itself. */
function makeNewName(): Uint8Array {
  const label = () => randomBytes(10).toString('hex');
  return textToName(`${label()}.${label()}.`);
}

function ask({ host, port }: Endpoint, name: Uint8Array, qtype: number, patienceMs: number): Promise<Answer> {
  const query = new Uint8Array(512);
  const questionEnd = writeQuestion(query, name, qtype, Class.IN, FLAG_RD);
  const length = writeOpt(query, questionEnd, UDP_SIZE, 0, false);
  writeId(query, randomBytes(2).readUInt16BE());
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const startMs = performance.now();
    let isDone = false;
    const finish = (outcome: Probe['outcome'], rcode = '', extendedError = '') => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      const rttMs = outcome === 'answered' ? Math.round((performance.now() - startMs) * 10) / 10 : 0;
      resolve({ outcome, rttMs, rcode, extendedError });
    };
    const timer = setTimeout(finish, patienceMs, 'silent');
    // Connected: the kernel drops what comes from elsewhere, and reports an error if nothing
    // listens there.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'refused' : 'silent'),
    );
    socket.on('message', (reply) => {
      const scanned = new ScannedResponse();
      const isIt = reply.length >= questionEnd && readId(reply) === readId(query);
      if (!isIt || scanResponse(reply, reply.length, scanned) !== ScanVerdict.ok) return;
      if (scanned.questionEnd !== questionEnd || !equalQuestions(reply, query, questionEnd)) return;
      finish('answered', rcodeName(scanned.rcode), readExtendedError(reply, scanned));
    });
    // Its callback gets what kept it from connecting (no route), which the types do not know.
    const onConnect = (error?: Error) => {
      if (error !== undefined) finish('silent');
      else if (!isDone) socket.send(query.subarray(0, length), (failure) => failure && finish('silent'));
    };
    socket.connect(port, host, onConnect);
  });
}

/** "14 forwarding loop: …" (RFC 8914 §2); '' without one. */
function readExtendedError(reply: Buffer, { edeOffset, edeLength }: ScannedResponse): string {
  if (edeLength < 2) return '';
  const text = reply.toString('utf8', edeOffset + 2, edeOffset + edeLength).replace(/[^\x20-\x7e]/g, '?');
  return `${readUint16(reply, edeOffset)} ${text}`.trim();
}
