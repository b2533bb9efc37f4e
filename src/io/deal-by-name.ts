// The program by which the kernel deals queries to workers: a hash of QNAME says which socket of
// the port's group gets a datagram, so that each name lives in one worker. Classic BPF for
// SO_ATTACH_REUSEPORT_CBPF, run on the UDP payload: a DNS message. Made by the control plane,
// attached by each worker to its sockets (DatagramSocket.deal).
//
//   for each byte of QNAME up to its root label:  hash = (hash ^ (byte | 0x20)) * PRIME
//   socket = mix(hash) % workers
//
// `byte | 0x20` is the same for both cases of a letter. What else it makes equal does not matter
// here. Classic BPF has no loops: the steps are written out for HASHED_BYTES bytes.
import { release } from 'node:os';

/** The bytes of QNAME that are hashed; longer names differ within them, or share a worker. */
export const HASHED_BYTES = 64;
/** The length of a DNS header: QNAME begins behind it. */
const NAME_AT = 12;
/** QTYPE and QCLASS follow QNAME. */
const AFTER_NAME_BYTES = 4;
/** Steps between two looks at the length of the message. */
const STEPS_PER_LOOK = 4;
/** The prime of FNV-1a, 32 bits, and an odd number that spreads what the last bytes changed. */
const PRIME = 0x01000193;
const MIXER = 0x85ebca6b;
/**
 * No socket's index: then the kernel chooses by the datagram's addresses and ports, as it does
 * without a program.
 */
const BY_ADDRESS = 0xffff_ffff;
/** struct sock_filter: code (16 bits), jt and jf (8 bits each), k (32 bits). */
const INSTRUCTION_BYTES = 8;

/** The opcodes of linux/bpf_common.h and linux/filter.h. A: accumulator, X: index register. */
const LOAD_X = 0x01;
const LOAD_BYTE = 0x30;
const LOAD_LENGTH = 0x80;
const OR = 0x44;
const XOR_X = 0xac;
const MULTIPLY = 0x24;
const SHIFT_RIGHT = 0x74;
const MODULO = 0x94;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER = 0x25;
const A_TO_X = 0x07;
const X_TO_A = 0x87;
const RETURN = 0x06;
const RETURN_A = 0x16;

/**
 * Sockets leave their group before they close (descriptor.c) since Linux 5.7; before that, a worker
 * that drains would still be dealt queries.
 */
const LEAST_KERNEL = [5, 7] as const;

/** Why this kernel cannot deal by name; empty: it can. */
export function whyKernelCannotDeal(kernelRelease = release()): string {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  const isNewEnough = major > LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor >= LEAST_KERNEL[1]);
  return isNewEnough ? '' : `needs Linux ${LEAST_KERNEL.join('.')}, this is ${kernelRelease}`;
}

/**
 * The instructions for a group of this many sockets. The seed (32 bits) must be secret: who knows
 * it can find names that all fall on one worker. A message that ends within QNAME is dealt by
 * address.
 */
export function dealByName(workers: number, seed: number): Uint8Array {
  const program = new Program();
  program.add(LOAD_X, seed >>> 0);
  for (let i = 0; i < HASHED_BYTES; i++) {
    if (i % STEPS_PER_LOOK === 0) {
      // QNAME's next bytes are there, or its end with QTYPE and QCLASS: a load beyond the message
      // would end the program, with socket 0.
      program.add(LOAD_LENGTH, 0);
      program.add(JUMP_IF_GREATER, NAME_AT + i + AFTER_NAME_BYTES, 1, 0);
      program.jump('by-address');
    }
    program.add(LOAD_BYTE, NAME_AT + i);
    program.add(JUMP_IF_EQUAL, 0, 0, 1);
    program.jump('deal');
    program.add(OR, 0x20);
    program.add(XOR_X, 0);
    program.add(MULTIPLY, PRIME);
    program.add(A_TO_X, 0);
  }
  program.label('deal');
  program.add(X_TO_A, 0);
  program.add(SHIFT_RIGHT, 15);
  program.add(XOR_X, 0);
  program.add(MULTIPLY, MIXER);
  program.add(SHIFT_RIGHT, 16);
  program.add(MODULO, workers);
  program.add(RETURN_A, 0);
  program.label('by-address');
  program.add(RETURN, BY_ADDRESS);
  return program.bytes();
}

/** The socket that such a program deals the queries for a name (on the wire, whole) to. */
export function dealtTo(program: Uint8Array, workers: number, name: Uint8Array): number {
  // The operand of its first instruction is the seed.
  let hash = new Uint32Array(program.slice(4, 8).buffer)[0]!;
  for (let i = 0; i < HASHED_BYTES && name[i] !== 0; i++) hash = Math.imul(hash ^ (name[i]! | 0x20), PRIME);
  return (Math.imul(hash ^ (hash >>> 15), MIXER) >>> 16) % workers;
}

/** Instructions in the making: jumps forward to labels that come later. */
class Program {
  readonly #instructions: { code: number; k: number; jumpTrue: number; jumpFalse: number }[] = [];
  /** Jumps, by index, to be filled in. */
  readonly #jumps: { at: number; label: string }[] = [];
  readonly #labels = new Map<string, number>();

  add(code: number, k: number, jumpTrue = 0, jumpFalse = 0): void {
    this.#instructions.push({ code, k, jumpTrue, jumpFalse });
  }

  jump(label: string): void {
    this.#jumps.push({ at: this.#instructions.length, label });
    this.add(JUMP, 0);
  }

  label(label: string): void {
    this.#labels.set(label, this.#instructions.length);
  }

  bytes(): Uint8Array {
    for (const { at, label } of this.#jumps) this.#instructions[at]!.k = this.#labels.get(label)! - at - 1;
    const bytes = new Uint8Array(this.#instructions.length * INSTRUCTION_BYTES);
    // Views in the order of the machine, as the kernel reads them.
    const halves = new Uint16Array(bytes.buffer);
    const words = new Uint32Array(bytes.buffer);
    for (const [i, { code, k, jumpTrue, jumpFalse }] of this.#instructions.entries()) {
      halves[i * 4] = code;
      bytes[i * INSTRUCTION_BYTES + 2] = jumpTrue;
      bytes[i * INSTRUCTION_BYTES + 3] = jumpFalse;
      words[i * 2 + 1] = k;
    }
    return bytes;
  }
}
