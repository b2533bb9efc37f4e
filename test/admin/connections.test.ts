import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { AdminConnections } from '../../src/admin/connections.ts';

const MAX = 64;
const FOR_OTHERS = 56;

class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

let connections: AdminConnections;
beforeEach(() => {
  connections = new AdminConnections();
});

function accept(peer = '10.0.0.1'): FakeSocket & Socket {
  const socket = new FakeSocket(peer) as FakeSocket & Socket;
  connections.accept(socket);
  return socket;
}

const acceptMany = (count: number, peer?: string) => Array.from({ length: count }, () => accept(peer));

it('closes the oldest idle connection of the peer that has most', () => {
  const few = acceptMany(MAX / 2 - 1, '10.0.0.1');
  const many = acceptMany(MAX / 2 + 1, '10.0.0.2');
  const newcomer = accept('10.0.0.3');
  expect(many.map(({ destroyed }) => destroyed)).toEqual([true, ...Array(MAX / 2).fill(false)]);
  expect([...few, newcomer].some(({ destroyed }) => destroyed)).toBe(false);
});

it('refuses a connection where all others are busy', () => {
  for (const socket of acceptMany(MAX)) connections.begin(socket, true);
  expect(accept().destroyed).toBe(true);
});

it('leaves a busy connection alone, and takes it once its answer has left', () => {
  const sockets = acceptMany(MAX);
  for (const socket of sockets) connections.begin(socket, true);
  connections.end(sockets[5]!, true);
  expect(accept().destroyed).toBe(false);
  expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([sockets[5]]);
});

it('keeps eight slots for probes', () => {
  const sockets = acceptMany(MAX);
  const begun = sockets.map((socket) => connections.begin(socket, false));
  expect(begun.filter((isBegun) => isBegun)).toHaveLength(FOR_OTHERS);
  expect(connections.begin(sockets[FOR_OTHERS]!, true)).toBe(true);
  // One more request on a connection that has a slot takes no other.
  expect(connections.begin(sockets[0]!, false)).toBe(true);
  connections.end(sockets[1]!, false);
  expect(connections.begin(sockets[FOR_OTHERS]!, false)).toBe(true);
});

it('forgets a connection that has closed', () => {
  const socket = accept();
  socket.destroy();
  expect(connections.begin(socket, true)).toBe(false);
  expect(acceptMany(MAX).some(({ destroyed }) => destroyed)).toBe(false);
});
