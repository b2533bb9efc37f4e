// The asking half of the agent: one question with its latency, or thousands with their
// distribution.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { queryBytes, readAnswer, TcpClient } from '../../kit/dns-client.ts';

export interface Question {
  readonly server: string;
  readonly port?: number;
  readonly name: string;
  readonly type?: string;
  readonly tcp?: boolean;
  /** Default 5000: as glibc waits. */
  readonly timeoutMs?: number;
}

/** An answer and its time; rcode −1: none came. */
export interface Asked {
  readonly rcode: number;
  readonly ede: number;
  readonly edeText: string;
  readonly answers: number;
  readonly ms: number;
}

export async function ask(question: Question): Promise<Asked> {
  const { server, port = 53, name, type = 'A', tcp = false, timeoutMs = 5000 } = question;
  const query = queryBytes({ name, type });
  const startMs = performance.now();
  const bytes = await (tcp ? overTcp : overUdp)(query, server, port, timeoutMs).catch(() => null);
  const ms = performance.now() - startMs;
  if (bytes === null) return { rcode: -1, ede: -1, edeText: '', answers: 0, ms };
  const { rcode, ede, answers } = readAnswer(bytes);
  return { rcode, ede: ede?.code ?? -1, edeText: ede?.text ?? '', answers: answers.length, ms };
}

async function overTcp(query: Buffer, server: string, port: number, timeoutMs: number): Promise<Buffer> {
  const client = await TcpClient.connect(port, server);
  try {
    client.send(query);
    return await client.receive(timeoutMs);
  } finally {
    client.close();
  }
}

async function overUdp(query: Buffer, server: string, port: number, timeoutMs: number): Promise<Buffer> {
  const socket = dgram.createSocket('udp4');
  try {
    socket.send(query, port, server);
    const [bytes] = (await once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
    return bytes;
  } finally {
    socket.close();
  }
}

export interface Load {
  readonly server: string;
  /** `*` stands for the number of the query. */
  readonly name: string;
  readonly count: number;
  /** Queries a second; 0: as fast as `inFlight` allows. */
  readonly rate?: number;
  /** Questions open at once at most. Default 100. */
  readonly inFlight?: number;
  readonly timeoutMs?: number;
  /** Each letter in a case drawn at random. */
  readonly randomCase?: boolean;
  /** Each query is sent this often, in a row, with one ID from one port. Default 1. */
  readonly copies?: number;
  /** Names are used again after this many: many clients ask the same. */
  readonly names?: number;
}

export interface LoadFigures {
  readonly answered: number;
  readonly lost: number;
  /** By RCODE. */
  readonly rcodes: Readonly<Record<number, number>>;
  /** By EDE info-code. */
  readonly edes: Readonly<Record<number, number>>;
  /** By the first address that was answered. */
  readonly addresses: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const SOCKETS = 8;

export async function load(options: Load): Promise<LoadFigures> {
  const { server, count, rate = 0, inFlight = 100, timeoutMs = 5000, copies = 1 } = options;
  const sockets = Array.from({ length: SOCKETS }, () =>
    dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 22 }),
  );
  const latencies: number[] = [];
  const rcodes: Record<number, number> = {};
  const edes: Record<number, number> = {};
  const addresses: Record<string, number> = {};
  /** By socket and ID. */
  const open = new Map<number, { startMs: number; done: () => void }>();
  let lost = 0;
  for (const [index, socket] of sockets.entries()) {
    socket.on('error', () => {});
    socket.on('message', (bytes, from) => {
      if (from.address !== server || from.port !== 53) return;
      const key = (index << 16) | bytes.readUInt16BE(0);
      const question = open.get(key);
      if (question === undefined) return;
      open.delete(key);
      latencies.push(performance.now() - question.startMs);
      const { rcode, ede, answers } = readAnswer(bytes);
      rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
      if (ede !== null) edes[ede.code] = (edes[ede.code] ?? 0) + 1;
      const [first] = answers;
      if (first?.type === 'A') addresses[first.data] = (addresses[first.data] ?? 0) + 1;
      question.done();
    });
  }
  const begunMs = performance.now();
  await new Promise<void>((resolve) => {
    let next = 0;
    let finished = 0;
    const finish = () => {
      if (++finished === count) resolve();
    };
    const sendOne = () => {
      const number = next++;
      const socketIndex = number % SOCKETS;
      const id = Math.floor(number / SOCKETS) & 0xffff;
      const key = (socketIndex << 16) | id;
      const name = options.name.replace('*', String(number % (options.names ?? Number.POSITIVE_INFINITY)));
      const query = queryBytes({ name: options.randomCase === true ? inRandomCase(name) : name, id });
      open.set(key, { startMs: performance.now(), done: finish });
      for (let copy = 0; copy < copies; copy++) sockets[socketIndex]!.send(query, 53, server);
    };
    const timer = setInterval(() => {
      const nowMs = performance.now();
      for (const [key, question] of open) {
        if (nowMs - question.startMs < timeoutMs) break;
        open.delete(key);
        lost++;
        finish();
      }
      const due = rate === 0 ? count : Math.min(count, Math.ceil(((nowMs - begunMs) / 1000) * rate));
      while (next < due && open.size < inFlight) sendOne();
      if (finished === count) clearInterval(timer);
    }, 1);
  });
  for (const socket of sockets) socket.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? -1;
  const [p50Ms, p99Ms, maxMs] = [at(0.5), at(0.99), at(1)];
  return { answered: latencies.length, lost, rcodes, edes, addresses, p50Ms, p99Ms, maxMs };
}

function inRandomCase(name: string): string {
  let text = '';
  for (const letter of name) text += Math.random() < 0.5 ? letter.toUpperCase() : letter.toLowerCase();
  return text;
}
