// Ports for servers that must be told theirs.
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

/**
 * Ports below those that the kernel gives out: nobody who asks for any port takes one of them
 * meanwhile.
 */
const FIRST_PORT = 12_000;
const LAST_PORT = 31_999;

/** A port of this address that is free, for UDP and TCP. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    const server = net.createServer();
    const socket = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
    const [tcpFree, udpFree] = await Promise.all([
      new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false));
        server.listen(port, address, () => resolve(true));
      }),
      new Promise<boolean>((resolve) => {
        socket.once('error', () => resolve(false));
        socket.bind(port, address, () => resolve(true));
      }),
    ]);
    socket.close();
    if (tcpFree) {
      server.close();
      await once(server, 'close');
    }
    if (tcpFree && udpFree) return port;
  }
}
