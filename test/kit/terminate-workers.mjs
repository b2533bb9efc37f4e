// Run as a process of its own: node terminate-workers.mjs FOLDER ROUNDS. Starts a worker thread
// that echoes datagrams, floods it, terminates it in the midst, again and again. Prints "survived
// ROUNDS" at the end; an open libuv handle in a dying thread would abort the process instead.
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const [, , folderArgument, rounds] = process.argv;
const folder = isMainThread ? folderArgument : workerData;
const importIo = (name) => import(pathToFileURL(join(folder, 'src/io', `${name}.js`)).href);
const { openDatagramSocket, nativeStatus } = await importIo('open-socket');
const { listenTcp } = await importIo('listen-tcp');
const { PEER_WORDS } = await importIo('datagram-socket');
const { parsePeer } = await importIo('peer');

function echo(batch, socket) {
  for (let slot = 0; slot < batch.count; slot++) {
    socket.reserve().set(batch.buffers[slot].subarray(0, batch.lengths[slot]));
    socket.commit(batch.lengths[slot], batch.peers, slot * PEER_WORDS);
  }
}

async function serve() {
  const handler = { onBatch: echo, onError() {} };
  const server = await openDatagramSocket({ address: '127.0.0.1', port: 0 }, handler);
  // More handles of every kind: connected sockets, one that was closed already, a TCP listener by
  // descriptor.
  const connectTo = { address: '127.0.0.1', port: server.localPort };
  for (let i = 0; i < 8; i++) await openDatagramSocket({ address: '127.0.0.1', port: 0, connectTo }, handler);
  const closed = await openDatagramSocket({ address: '127.0.0.1', port: 0 }, handler);
  void closed.close();
  await listenTcp({ address: '127.0.0.1', port: 0, reusePort: true }, () => {});
  parentPort.postMessage(server.localPort);
}

/** Eight datagrams that go round between the client here and the worker until the worker dies. */
async function floodAndTerminate() {
  const worker = new Worker(new URL(import.meta.url), { workerData: folder });
  const [port] = await once(worker, 'message');
  let received = 0;
  let enough = () => {};
  const onBatch = (batch, socket) => {
    received += batch.count;
    echo(batch, socket);
    if (received >= 500) enough();
  };
  const client = await openDatagramSocket({ address: '127.0.0.1', port: 0 }, { onBatch, onError() {} });
  const peer = parsePeer('127.0.0.1', port);
  for (let i = 0; i < 8; i++) {
    client.reserve().fill(i, 0, 100);
    client.commit(100, peer, 0);
  }
  await new Promise((resolve) => {
    enough = resolve;
  });
  await worker.terminate();
  await client.close();
}

if (isMainThread) {
  if (!nativeStatus().available) throw new Error(nativeStatus().reason);
  for (let i = 0; i < Number(rounds); i++) await floodAndTerminate();
  // One worker is left alive: the process's own end must not abort either.
  const last = new Worker(new URL(import.meta.url), { workerData: folder });
  await once(last, 'message');
  console.log(`survived ${rounds}`);
  process.exit(0);
} else {
  await serve();
}
