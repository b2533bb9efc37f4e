// A reader of dnstap events for tests: it speaks Frame Streams, and reads the protobuf.
import { createServer, type Server, type Socket } from 'node:net';
import { PbfReader } from 'pbf';

/** Fields by their numbers in dnstap.proto; a message within is the same again. */
export interface ReadEvent {
  readonly outer: ReadonlyMap<number, Uint8Array | number>;
  readonly message: ReadonlyMap<number, Uint8Array | number>;
}

/** Reads one event as its bytes say, field by field. */
export function readEvent(bytes: Uint8Array): ReadEvent {
  const outer = readFields(bytes);
  return { outer, message: readFields(outer.get(14) as Uint8Array) };
}

function readFields(bytes: Uint8Array): Map<number, Uint8Array | number> {
  const fields = new Map<number, Uint8Array | number>();
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    const { type } = pbf;
    fields.set(tag, type === 0 ? pbf.readVarint() : type === 5 ? pbf.readFixed32() : pbf.readBytes());
  }, null);
  return fields;
}

const ACCEPT = Buffer.concat([
  Buffer.from('0000000000000022000000010000000100000016', 'hex'),
  Buffer.from('protobuf:dnstap.Dnstap'),
]);
const FINISH = Buffer.from('000000000000000400000005', 'hex');

/** Listens at a path; it accepts a stream only if it is to. */
export class TestReader {
  readonly events: Uint8Array[] = [];
  /** Types of the control frames that came. */
  readonly controls: number[] = [];
  readonly sockets = new Set<Socket>();
  accepts = true;
  /** Stops reading. */
  isStuck = false;
  #server: Server | null = null;

  listen(path: string): Promise<void> {
    this.#server = createServer((socket) => this.#read(socket));
    return new Promise((resolve) => {
      this.#server!.listen(path, resolve);
    });
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => {
      this.#server!.close(() => resolve());
    });
  }

  #read(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const isControl = rest.length >= 4 && rest.readUInt32BE(0) === 0;
        const head = isControl ? 8 : 4;
        if (rest.length < head) return;
        const end = head + rest.readUInt32BE(head - 4);
        if (rest.length < end) return;
        const frame = rest.subarray(head, end);
        rest = rest.subarray(end);
        if (isControl) this.#onControl(socket, frame.readUInt32BE(0));
        else this.events.push(Uint8Array.from(frame));
      }
    });
  }

  #onControl(socket: Socket, type: number): void {
    this.controls.push(type);
    if (type === 4 && this.accepts) socket.write(ACCEPT);
    if (type === 2 && this.isStuck) socket.pause();
    if (type === 3) socket.write(FINISH);
  }
}
