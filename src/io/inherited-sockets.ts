// The listening sockets that the service manager opened for us (sd_listen_fds(3), systemd's
// socket activation): their descriptors, kinds and addresses, read from /proc. Called once by the
// control plane, before anything is opened.
import { readFileSync, readlinkSync } from 'node:fs';

/** The first descriptor that is handed over. */
const FIRST_FD = 3;
/** TCP_LISTEN in /proc/net/tcp. */
const STATE_LISTEN = '0A';
/** TCP_CLOSE, which /proc/net/udp says of a socket that is not connected. */
const STATE_UNCONNECTED = '07';

/** One address with the descriptors that serve it. */
export interface InheritedAddress {
  readonly host: string;
  readonly port: number;
  /** −1 where there is none of that kind. */
  readonly udpFd: number;
  readonly tcpFd: number;
}

/** What /proc says of one socket. */
interface KnownSocket {
  readonly protocol: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
  /** False for a UDP socket that takes datagrams of one remote end alone. */
  readonly isOpenToAll: boolean;
}

/**
 * The addresses handed over, in the order of their first descriptors; empty without socket
 * activation. Throws an Error that says which descriptor is unusable.
 */
export function findInheritedSockets(
  environment: NodeJS.ProcessEnv = process.env,
  pid = process.pid,
  procRoot = '/proc',
): InheritedAddress[] {
  const { LISTEN_FDS = '0', LISTEN_PID = '' } = environment;
  if (Number(LISTEN_PID) !== pid) return [];
  const count = Number(LISTEN_FDS);
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`LISTEN_FDS=${LISTEN_FDS} is not a number`);
  const sockets = readSocketTables(procRoot);
  const addresses = new Map<string, { host: string; port: number; udpFd: number; tcpFd: number }>();
  for (let fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
    const socket = sockets.get(inodeOf(procRoot, fd));
    if (socket === undefined) throw new Error(`descriptor ${fd} is neither a UDP socket nor a TCP listener`);
    if (!socket.isOpenToAll)
      throw new Error(`descriptor ${fd} is connected: only one client could ask by it`);
    const key = `${socket.host} ${socket.port}`;
    const address = addresses.get(key) ?? { host: socket.host, port: socket.port, udpFd: -1, tcpFd: -1 };
    const kind = socket.protocol === 'udp' ? 'udpFd' : 'tcpFd';
    if (address[kind] >= 0) {
      throw new Error(`descriptors ${address[kind]} and ${fd} are both ${socket.protocol} sockets of ${key}`);
    }
    address[kind] = fd;
    addresses.set(key, address);
  }
  return [...addresses.values()];
}

function inodeOf(procRoot: string, fd: number): string {
  let target = '';
  try {
    target = readlinkSync(`${procRoot}/self/fd/${fd}`);
  } catch {
    // Said by the caller: there is no such socket.
  }
  return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '';
}

/** Sockets of this network namespace by inode. */
function readSocketTables(procRoot: string): Map<string, KnownSocket> {
  const sockets = new Map<string, KnownSocket>();
  for (const table of ['udp', 'udp6', 'tcp', 'tcp6']) {
    const protocol = table.startsWith('udp') ? 'udp' : 'tcp';
    for (const line of readTable(`${procRoot}/net/${table}`)) {
      //   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
      const fields = line.trim().split(/\s+/);
      const [hexAddress = '', hexPort = ''] = (fields[1] ?? '').split(':');
      const inode = fields[9] ?? '';
      if (inode === '' || hexPort === '' || (protocol === 'tcp' && fields[3] !== STATE_LISTEN)) continue;
      sockets.set(inode, {
        protocol,
        host: readAddress(hexAddress),
        port: Number.parseInt(hexPort, 16),
        isOpenToAll: protocol === 'tcp' || fields[3] === STATE_UNCONNECTED,
      });
    }
  }
  return sockets;
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(1);
  } catch {
    // No IPv6 on this machine, no table of it.
    return [];
  }
}

/**
 * The kernel prints each 32-bit word of an address as a number of the machine: little-endian on all
 * we run on.
 */
function readAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
