// DNS clients for tests: bytes out, bytes in, over UDP and TCP, with nothing hidden. Below them,
// the convenience of a question by name and an answer read by dns-packet.
//
//   const answer = await askUdp(port, { name: 'HoSt.example', dnssecOk: true });
//   answer.rcode, answer.answers, answer.ede
import dgram from 'node:dgram';
import net from 'node:net';
import dnsPacket from 'dns-packet';

/** Patience with one answer: far more than any deadline here. */
const PATIENCE_MS = 20_000;

/** A UDP socket that keeps what comes until it is asked for. */
export class UdpClient {
  readonly #socket: dgram.Socket;
  readonly #port: number;
  readonly #address: string;
  readonly #inbox = new Inbox();

  private constructor(socket: dgram.Socket, port: number, address: string) {
    this.#socket = socket;
    this.#port = port;
    this.#address = address;
    // Ports are used again: what comes from others was meant for whoever had this one before.
    socket.on('message', (bytes, from) => {
      if (from.port === port) this.#inbox.put(bytes);
    });
    socket.on('error', () => {});
  }

  /** `from`: the source address. */
  static async open(port: number, address = '127.0.0.1', from?: string): Promise<UdpClient> {
    // As much as the system allows: by default some 270 small answers fill it.
    const type = net.isIPv6(address) ? 'udp6' : 'udp4';
    const socket = dgram.createSocket({ type, recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, from, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new UdpClient(socket, port, address);
  }

  get localPort(): number {
    return this.#socket.address().port;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#port, this.#address);
  }

  /** The next datagram; rejects when none comes. */
  receive(withinMs = PATIENCE_MS): Promise<Buffer> {
    return this.#inbox.take(withinMs);
  }

  /** The datagrams that came and nobody took. */
  get waiting(): readonly Buffer[] {
    return this.#inbox.messages;
  }

  close(): void {
    this.#socket.close();
  }
}

/** A TCP connection: whole messages or any bytes out, whole messages in. */
export class TcpClient {
  readonly socket: net.Socket;
  /** Resolves when the server has closed its side, or broken the connection. */
  readonly closed: Promise<void>;
  readonly #inbox = new Inbox();
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('end', resolve);
      socket.once('close', () => resolve());
    });
    void this.closed.then(() => this.#inbox.end());
  }

  static connect(port: number, address = '127.0.0.1', from?: string): Promise<TcpClient> {
    return new Promise((resolve, reject) => {
      const local = from === undefined ? {} : { localAddress: from };
      const socket = net.connect({ port, host: address, allowHalfOpen: true, ...local });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new TcpClient(socket));
      });
    });
  }

  /** Bytes as they are, without a length before them. */
  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** A message with its length. */
  send(message: Uint8Array): void {
    this.socket.write(framed(message));
  }

  /** The next message; rejects when the connection ends first. */
  receive(withinMs = PATIENCE_MS): Promise<Buffer> {
    return this.#inbox.take(withinMs);
  }

  /** Closes our side; the server may still answer. */
  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.#inbox.put(Buffer.from(this.#rest.subarray(2, end)));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Messages that came, and those who wait for the next one. */
class Inbox {
  readonly messages: Buffer[] = [];
  #takers: { resolve: (bytes: Buffer) => void; reject: (error: Error) => void }[] = [];
  #ended = false;

  put(bytes: Buffer): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.messages.push(bytes);
    else taker.resolve(bytes);
  }

  end(): void {
    this.#ended = true;
    for (const taker of this.#takers.splice(0)) taker.reject(new Error('the connection ended'));
  }

  take(withinMs: number): Promise<Buffer> {
    const first = this.messages.shift();
    if (first !== undefined) return Promise.resolve(first);
    if (this.#ended) return Promise.reject(new Error('the connection has ended'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#takers = this.#takers.filter((other) => other !== taker);
        reject(new Error(`no message within ${withinMs} ms`));
      }, withinMs);
      const taker = {
        resolve: (bytes: Buffer) => {
          clearTimeout(timer);
          resolve(bytes);
        },
        reject: (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#takers.push(taker);
    });
  }
}

/** A message with its length before it (RFC 1035 §4.2.2). */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(message.length + 2);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}

// -------------------------------------------------------------------------------------- questions

/** An EDNS option. */
export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Question {
  /** Its case is kept. '.' is the root. */
  readonly name: string;
  /** "A", "TXT", "TYPE65280" or a number. Default A. */
  readonly type?: string | number;
  /** Default 1, IN. */
  readonly qclass?: number;
  /** Default random. */
  readonly id?: number;
  /** RD, default true. */
  readonly recursionDesired?: boolean;
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  /** false: no OPT record. Default true; implied by the next three. */
  readonly edns?: boolean;
  readonly dnssecOk?: boolean;
  /** What the client takes over UDP. Default 1232. */
  readonly udpSize?: number;
  readonly options?: readonly EdnsOption[];
}

/** The bytes of a query. */
export function queryBytes(question: Question): Buffer {
  const { type = 'A', qclass = 1, recursionDesired = true, udpSize = 1232, options = [] } = question;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(question.id ?? Math.floor(Math.random() * 65536), 0);
  header.writeUInt16BE(
    (recursionDesired ? 0x0100 : 0) |
      (question.authenticData === true ? 0x0020 : 0) |
      (question.checkingDisabled === true ? 0x0010 : 0),
    2,
  );
  header.writeUInt16BE(1, 4);
  const parts = [
    header,
    nameBytes(question.name),
    Buffer.from([...uint16(typeNumber(type)), ...uint16(qclass)]),
  ];
  if (question.edns !== false) {
    header.writeUInt16BE(1, 10);
    const rdata = Buffer.concat(
      options.map(({ code, data }) =>
        Buffer.concat([Buffer.from([...uint16(code), ...uint16(data.length)]), data]),
      ),
    );
    const flags = question.dnssecOk === true ? 0x8000 : 0;
    parts.push(
      Buffer.from([0, ...uint16(41), ...uint16(udpSize), 0, 0, ...uint16(flags), ...uint16(rdata.length)]),
      rdata,
    );
  }
  return Buffer.concat(parts);
}

/** A name without compression. */
export function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
};

function typeNumber(type: string | number): number {
  if (typeof type === 'number') return type;
  const number = type.startsWith('TYPE') ? Number(type.slice(4)) : TYPE_NUMBERS[type];
  if (number === undefined) throw new Error(`unknown type ${type}`);
  return number;
}

function uint16(value: number): number[] {
  return [value >> 8, value & 255];
}

// ---------------------------------------------------------------------------------------- answers

/** A response, read. */
export interface Answer {
  readonly bytes: Buffer;
  readonly id: number;
  /** With the upper bits from OPT (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** QNAME as it was spelt; '' without a question. */
  readonly name: string;
  readonly answers: readonly dnsPacket.Answer[];
  readonly authorities: readonly dnsPacket.Answer[];
  /** Without OPT. */
  readonly additionals: readonly dnsPacket.Answer[];
  readonly opt: {
    readonly udpSize: number;
    readonly dnssecOk: boolean;
    readonly options: readonly EdnsOption[];
  } | null;
  /** The first Extended DNS Error (RFC 8914). */
  readonly ede: { readonly code: number; readonly text: string } | null;
  /** TTL of the first answer, else of the first authority; −1 without either. */
  readonly ttl: number;
}

/** Reads a response; throws when it is not well-formed. */
export function readAnswer(bytes: Buffer): Answer {
  const packet = dnsPacket.decode(bytes);
  const flags = bytes.readUInt16BE(2);
  const additionals = (packet.additionals ?? []) as dnsPacket.Answer[];
  const optRecord = additionals.find((record) => record.type === 'OPT') as dnsPacket.OptAnswer | undefined;
  const answers = (packet.answers ?? []) as dnsPacket.Answer[];
  const authorities = (packet.authorities ?? []) as dnsPacket.Answer[];
  const options = ((optRecord?.options ?? []) as { code: number; data: Buffer }[]).map(({ code, data }) => ({
    code,
    data,
  }));
  const ede = options.find(({ code }) => code === 15);
  const first = (answers[0] ?? authorities[0]) as { ttl?: number } | undefined;
  return {
    bytes,
    id: bytes.readUInt16BE(0),
    rcode: (flags & 15) | ((optRecord?.extendedRcode ?? 0) << 4),
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    name: packet.questions?.[0]?.name ?? '',
    answers,
    authorities,
    additionals: additionals.filter((record) => record.type !== 'OPT'),
    opt:
      optRecord === undefined
        ? null
        : { udpSize: optRecord.udpPayloadSize, dnssecOk: optRecord.flag_do, options },
    ede:
      ede === undefined
        ? null
        : { code: ede.data.readUInt16BE(0), text: ede.data.subarray(2).toString('utf8') },
    ttl: first?.ttl ?? -1,
  };
}

/**
 * One question over UDP, by a socket of its own; by `from` when given. Rejects when no answer
 * comes.
 */
export async function askUdp(
  port: number,
  question: Question | Buffer,
  address = '127.0.0.1',
  from?: string,
): Promise<Answer> {
  const client = await UdpClient.open(port, address, from);
  try {
    client.send(Buffer.isBuffer(question) ? question : queryBytes(question));
    return readAnswer(await client.receive());
  } finally {
    client.close();
  }
}

/** One question over TCP, on a connection of its own. */
export async function askTcp(
  port: number,
  question: Question | Buffer,
  address = '127.0.0.1',
  from?: string,
): Promise<Answer> {
  const client = await TcpClient.connect(port, address, from);
  try {
    client.send(Buffer.isBuffer(question) ? question : queryBytes(question));
    return readAnswer(await client.receive());
  } finally {
    client.close();
  }
}

/** Both ways of asking, for tests that hold for both: `describe.each(TRANSPORTS)`. */
export const TRANSPORTS = [
  { transport: 'UDP', ask: askUdp },
  { transport: 'TCP', ask: askTcp },
] as const;
