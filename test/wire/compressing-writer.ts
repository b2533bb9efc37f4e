// Writes messages for tests as real servers do: every name, in owners and RDATA alike, ends in a
// pointer as soon as an earlier one has the same tail (RFC 1035 §4.1.4).
import { uint16, uint32 } from './build-message.ts';

export class CompressingWriter {
  readonly written: number[] = [];
  readonly #offsets = new Map<string, number>();

  write(...parts: (number | Uint8Array)[]): this {
    for (const part of parts) {
      if (typeof part === 'number') this.written.push(part);
      else this.written.push(...part);
    }
    return this;
  }

  name(labels: readonly string[]): this {
    for (let i = 0; i < labels.length; i++) {
      const tail = labels.slice(i).join('.');
      const seen = this.#offsets.get(tail);
      if (seen !== undefined) return this.write(uint16(0xc000 | seen));
      if (this.written.length < 0x4000) this.#offsets.set(tail, this.written.length);
      this.write(labels[i]!.length, new TextEncoder().encode(labels[i]!));
    }
    return this.write(0);
  }

  /** A record with RDATA that `rdata` writes. */
  record(owner: readonly string[], type: number, rclass: number, ttl: number, rdata: () => void): this {
    this.name(owner).write(uint16(type), uint16(rclass), uint32(ttl), 0, 0);
    const from = this.written.length;
    rdata();
    const length = this.written.length - from;
    this.written[from - 2] = length >>> 8;
    this.written[from - 1] = length & 255;
    return this;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.written);
  }
}
