// The upstream servers of the conformance tests: stand-ins that answer what a requirement tells
// them to, for names of its own. So all requirements run at once, against all forwarders, and each
// sees only its own queries.
//
//   const domain = stage.domain((query) => reply(query, { answers: [address(query)] }));
//   … ask a forwarder for `www.${domain.name}` …
//   domain.queries.length
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Action, type Script, type SendAction, send } from '../kit/actions.ts';
import { answer } from '../kit/answers.ts';
import { createTestCertificate } from '../kit/certificates.ts';
import { questionEnd, type ReceivedQuery } from '../kit/received-query.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { bytesOf, opt, QNAME_POINTER, record, uint16, uint32 } from '../wire/build-message.ts';
import { must } from './shortfall.ts';

/**
 * The zones that a forwarder sends to servers of their own. One label each: every domain below
 * stands for an owner of its own, and what one requirement's server teaches about its domain
 * (src/wire/domain.ts) is not believed of another's.
 */
export const ZONES = {
  /** Everything that needs no other: one server. */
  plain: 'plain-in-conformance-example',
  /** One server that takes its time. */
  slow: 'slow-in-conformance-example',
  /** One server whose replies are broken, or in whose name others send. */
  hostile: 'hostile-in-conformance-example',
  /** One server that often stays silent. */
  silent: 'silent-in-conformance-example',
  /** Two servers, the first of which is asked first. */
  pair: 'pair-in-conformance-example',
  /** A real authoritative server (NSD), in the laboratory. */
  real: 'real.conformance.example',
  /** One server, over TLS. */
  tls: 'tls-in-conformance-example',
} as const;
export type Zone = keyof typeof ZONES;

/** The name in the certificate of the TLS server. */
export const TLS_NAME = 'dns.example';

/** A name with all below it, whose queries go to one script. */
export interface Domain {
  readonly name: string;
  /** What came for it, oldest first, whichever server of its zone it came to. */
  readonly queries: readonly ReceivedQuery[];
}

export class Stage {
  readonly servers: Readonly<Record<Exclude<Zone, 'real'>, readonly ScriptedUpstream[]>>;
  /** Port of the real server; 0 without one. */
  readonly realPort: number;
  /** A file that vouches for the TLS server. */
  readonly caPath: string;
  readonly #domains: Map<string, { queries: ReceivedQuery[]; script: Script }>;
  readonly #directory: string;

  private constructor(
    servers: Stage['servers'],
    domains: Map<string, { queries: ReceivedQuery[]; script: Script }>,
    directory: string,
    realPort: number,
  ) {
    this.servers = servers;
    this.#domains = domains;
    this.#directory = directory;
    this.realPort = realPort;
    this.caPath = join(directory, 'ca.pem');
  }

  static async start(realPort = 0): Promise<Stage> {
    const domains = new Map<string, { queries: ReceivedQuery[]; script: Script }>();
    const script: Script = (query) => {
      const labels = query.name.toLowerCase().split('.');
      for (let i = 0; i < labels.length; i++) {
        const domain = domains.get(labels.slice(i).join('.'));
        if (domain === undefined) continue;
        domain.queries.push(query);
        return errorOf(query) ?? domain.script(query);
      }
      // Health checks and the like.
      return answer(query);
    };
    const certificate = await createTestCertificate([TLS_NAME]);
    const directory = mkdtempSync(join(tmpdir(), 'unloop-conformance-'));
    writeFileSync(join(directory, 'ca.pem'), certificate.cert);
    const [plain, slow, hostile, silent, first, second, tls] = await Promise.all([
      startScriptedUpstream(script),
      startScriptedUpstream(script),
      startScriptedUpstream(script),
      startScriptedUpstream(script),
      startScriptedUpstream(script),
      startScriptedUpstream(script),
      startScriptedUpstream(script, { certificate }),
    ]);
    return new Stage(
      {
        plain: [plain],
        slow: [slow],
        hostile: [hostile],
        silent: [silent],
        pair: [first, second],
        tls: [tls],
      },
      domains,
      directory,
      realPort,
    );
  }

  /** A domain that nobody has asked for yet. */
  domain(script: Script, zone: Zone = 'plain'): Domain {
    const name = `d${this.#domains.size}.${ZONES[zone]}`;
    const entry = { queries: [], script };
    this.#domains.set(name, entry);
    return { name, queries: entry.queries };
  }

  async stop(): Promise<void> {
    await Promise.all(
      Object.values(this.servers).flatMap((servers) => servers.map((server) => server.close())),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

// ---------------------------------------------------------------------------------------- replies

export interface ReplyParts {
  /** Bits to set besides QR, RA and the query's RD. */
  readonly flags?: number;
  readonly rcode?: number;
  readonly answers?: readonly Uint8Array[];
  readonly authorities?: readonly Uint8Array[];
  readonly additionals?: readonly Uint8Array[];
  /** Options (whole) in an OPT record, which is there if the query had one. */
  readonly options?: Uint8Array;
  /** false: no OPT, whatever the query had. */
  readonly opt?: boolean;
}

/**
 * What every good server answers to a message that is no question: forwarders that relay such a one
 * get this.
 */
function errorOf(query: ReceivedQuery): SendAction | null {
  const { bytes } = query;
  const opcode = bytes.readUInt16BE(2) & 0x7800;
  const offset = optOffset(bytes);
  if (opcode !== 0) return reply(query, { rcode: 4, flags: opcode, opt: false });
  if (bytes.readUInt16BE(4) !== 1) return reply(query, { rcode: 1 });
  return offset >= 0 && bytes[offset + 6] !== 0 ? reply(query, { rcode: 16 }) : null;
}

/** The bytes that a query's sender takes in one reply. */
function sizeLimit(query: ReceivedQuery): number {
  if (query.transport !== 'udp') return 65_535;
  const offset = optOffset(query.bytes);
  return offset < 0 ? 512 : Math.max(512, query.bytes.readUInt16BE(offset + 3));
}

/**
 * A reply, byte for byte as it is told; TC and no records if its receiver does not take as much.
 */
export function reply(query: ReceivedQuery, parts: ReplyParts = {}): SendAction {
  const { answers = [], authorities = [], additionals = [], rcode = 0 } = parts;
  const question = query.bytes.subarray(12, questionEnd(query.bytes));
  const hasOpt = query.hasOpt && parts.opt !== false;
  const flags = 0x8080 | (query.bytes.readUInt16BE(2) & 0x0100) | (parts.flags ?? 0) | (rcode & 15);
  const message = send(
    bytesOf(
      uint16(query.id),
      uint16(flags),
      uint16(question.length > 0 ? 1 : 0),
      uint16(answers.length),
      uint16(authorities.length),
      uint16(additionals.length + (hasOpt ? 1 : 0)),
      question,
      ...answers,
      ...authorities,
      ...additionals,
      hasOpt
        ? opt(1232, {
            extendedRcode: rcode >> 4,
            dnssecOk: isDnssecOk(query.bytes),
            ...(parts.options === undefined ? {} : { options: parts.options }),
          })
        : new Uint8Array(0),
    ),
  );
  if (message.bytes.length <= sizeLimit(query)) return message;
  const { answers: _answers, authorities: _authorities, additionals: _additionals, ...rest } = parts;
  return reply(query, { ...rest, flags: (parts.flags ?? 0) | 0x0200 });
}

/** An A record of the name asked. */
export function address(lastByte = 1, ttl = 300): Uint8Array {
  return record(QNAME_POINTER, 1, ttl, bytesOf(192, 0, 2, lastByte));
}

/** A TXT record of the name asked, `length` bytes of RDATA, in strings of 99 bytes. */
export function text(length: number, ttl = 300): Uint8Array {
  const rdata = new Uint8Array(length).fill(0x78);
  for (let at = 0; at < length; at += 100) rdata[at] = Math.min(99, length - at - 1);
  return record(QNAME_POINTER, 16, ttl, rdata);
}

/** An SOA record of the name asked. */
export function soa(ttl: number, minimum: number, serial = 1): Uint8Array {
  const numbers = [serial, 3600, 600, 86_400, minimum].map(uint32);
  return record(QNAME_POINTER, 6, ttl, bytesOf('026e73 c00c 0468 6f73 74 c00c', ...numbers));
}

/**
 * The offset of OPT's root name in a query; −1 without. Only queries are read: nothing before OPT
 * is compressed.
 */
export function optOffset(query: Uint8Array): number {
  const end = questionEnd(query);
  return query[end] === 0 && query[end + 1] === 0 && query[end + 2] === 41 ? end : -1;
}

function isDnssecOk(query: Uint8Array): boolean {
  const offset = optOffset(query);
  return offset >= 0 && (query[offset + 7]! & 0x80) !== 0;
}

/** The codes of a query's EDNS options, in their order. */
export function optionCodes(query: Uint8Array): number[] {
  const offset = optOffset(query);
  if (offset < 0) return [];
  const view = Buffer.from(query);
  const codes: number[] = [];
  const end = offset + 11 + view.readUInt16BE(offset + 9);
  for (let at = offset + 11; at + 4 <= end; at += 4 + view.readUInt16BE(at + 2))
    codes.push(view.readUInt16BE(at));
  return codes;
}

/** What went upstream first; that nothing did is a shortfall. */
export function firstQuery(domain: Domain): ReceivedQuery {
  const [first] = domain.queries;
  must(first !== undefined, 'nothing was sent on');
  return first;
}

/** Different actions over UDP and over streams. */
export function byTransport(
  query: ReceivedQuery,
  overUdp: () => Action | readonly Action[] | undefined,
  overStream: () => Action | readonly Action[] | undefined,
): Action | readonly Action[] | undefined {
  return query.transport === 'udp' ? overUdp() : overStream();
}
