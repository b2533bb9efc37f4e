// Run as a process of its own: node exercise-addon.mjs FOLDER. Walks every way through the addon
// once, hostile ones included, for a memory checker to watch (test/lab/addon-memory.lab.ts). Prints
// "exercised" at the end.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
const importIo = (name) => import(pathToFileURL(join(folder, 'src/io', `${name}.js`)).href);
const { openDatagramSocket, nativeStatus } = await importIo('open-socket');
const { nativeAddon } = await importIo('native-addon');
const { listenTcp } = await importIo('listen-tcp');
const { PEER_WORDS } = await importIo('datagram-socket');
const { parsePeer } = await importIo('peer');
if (!nativeStatus().available) throw new Error(nativeStatus().reason);

class Echo {
  received = 0;
  errors = 0;
  wake = () => {};
  onBatch(batch, socket) {
    for (let slot = 0; slot < batch.count; slot++) {
      socket.reserve().set(batch.buffers[slot].subarray(0, batch.lengths[slot]));
      socket.commit(batch.lengths[slot], batch.peers, slot * PEER_WORDS);
    }
    this.received += batch.count;
    this.wake();
  }
  onError() {
    this.errors++;
    this.wake();
  }
  async until(condition) {
    while (!condition()) {
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** Counts only: the other end of an echo must not echo again. */
class Sink extends Echo {
  onBatch(batch) {
    this.received += batch.count;
    this.wake();
  }
}

async function open(options, handler) {
  return openDatagramSocket(
    { address: '127.0.0.1', port: 0, receiveBufferBytes: 1 << 20, ...options },
    handler,
  );
}

for (const [wildcard, address] of [
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]) {
  const server = await open({ address: wildcard, reusePort: true }, new Echo());
  const sink = new Sink();
  const client = await open({ address }, sink);
  const peer = parsePeer(address, server.localPort);
  for (let i = 0; i < 300; i++) {
    client.reserve().fill(i, 0, 10 * (i % 410));
    client.commit(10 * (i % 410), peer, 0);
  }
  await sink.until(() => sink.received === 300);
  // Of many lengths, often the same: they leave together, to be cut apart by the kernel.
  for (let i = 0; i < 300; i++) {
    const length = 10 * ((i * 37) % 131);
    client.reserve().fill(i, 0, length);
    client.commit(length, peer, 0);
  }
  await sink.until(() => sink.received === 600);

  // Oversized among others, from node:dgram, which has no slots.
  const plain = createSocket(address === '::1' ? 'udp6' : 'udp4');
  let answers = 0;
  const answered = new Promise((resolve) => {
    plain.on('message', () => {
      if (++answers === 8) resolve();
    });
  });
  for (let i = 0; i < 12; i++)
    plain.send(Buffer.alloc(i % 3 === 0 ? 9000 : 4096, i), server.localPort, address);
  await answered;
  plain.close();

  // What may not be sent: bad lengths, port 0, the other family, an address that is not ours.
  const before = client.counters().sendFailures;
  const foreign = parsePeer(address, server.localPort);
  foreign.set(parsePeer(address === '::1' ? '2001:db8::1' : '192.0.2.1', 1).subarray(1, 5), 7);
  const other = parsePeer(address === '::1' ? '127.0.0.1' : '::1', 9);
  for (const [length, to] of [
    [-1, peer],
    [5000, peer],
    [2 ** 30, peer],
    [1, parsePeer(address, 0)],
    [1, foreign],
    [1, other],
  ]) {
    client.reserve();
    client.commit(length, to, 0);
  }
  // Slots beyond the last, without reserve().
  for (let i = 0; i < 400; i++) client.commit(20, peer, 0);
  nativeAddon().flush();
  if (client.counters().sendFailures < before + 5) throw new Error('a bad send was not counted');

  // A refusal, again and again; then one socket closes another in its handler, and itself.
  const connectTo = { address, port: client.localPort };
  const refused = new Sink();
  await client.close();
  const connected = await open({ address, connectTo }, refused);
  for (let i = 0; i < 20; i++) {
    connected.reserve();
    connected.commitConnected(20);
    connected.reserve();
    connected.commitConnected(20);
    const errors = refused.errors;
    await refused.until(() => refused.errors > errors);
  }
  const closing = {
    onBatch: (_batch, socket) => {
      void connected.close();
      void socket.close();
      refused.wake();
    },
    onError() {},
  };
  const victim = await open({ address, connectTo: { address, port: server.localPort } }, closing);
  for (let i = 0; i < 100; i++) {
    victim.reserve();
    victim.commitConnected(100);
  }
  await new Promise((resolve) => {
    refused.wake = resolve;
  });
  // Handed over with datagrams waiting, and once more.
  const successor = await open({ address: wildcard, reusePort: true, port: server.localPort }, new Echo());
  const late = await open({ address }, new Sink());
  for (let i = 0; i < 100; i++) {
    late.reserve();
    late.commit(100, peer, 0);
  }
  await server.retire();
  await server.retire();
  await Promise.all([late.close(), successor.close()]);
  await server.close();
}

// Every id, and one more than there are; bad arguments; descriptors.
const many = [];
let failure;
while (failure === undefined && many.length < 2000)
  await open({}, new Sink()).then(
    (socket) => many.push(socket),
    (error) => {
      failure = error.code;
    },
  );
if (failure !== 'EMFILE') throw new Error(`expected EMFILE, got ${failure} after ${many.length}`);
await Promise.all(many.map((socket) => socket.close()));
const addon = nativeAddon();
for (const id of [-1, 0, 1023, 1024, 2 ** 31 - 1]) {
  addon.counters(id, new Float64Array(6));
  addon.counters(id, new Float64Array(5));
  addon.retire(id);
  addon.close(id);
}
addon.open('127.0.0.1', 0, 0, 0, '', 0, -1, new Int32Array(3));
addon.open('x'.repeat(500), 0, 0, 0, '', 0, -1, new Int32Array(13));
addon.open();
addon.listenTcp('127.0.0.1', -1, 1, 0);
addon.adoptTcp(1);
addon.adoptTcp(12345);
const listener = await listenTcp({ address: '::1', port: 0, reusePort: true }, () => {});
listener.close();
await once(listener, 'close');
console.log('exercised');
