// The Error that opening a socket fails with, in the shape of Node's own system errors. Thrown by
// batch-socket, node-socket and listen-tcp; whoever listens turns it into a message with a remedy.

/** An Error with `code`, `syscall`, `address` and `port`, as node:dgram and node:net make them. */
export function socketError(
  code: string,
  syscall: string,
  address: string,
  port: number,
): NodeJS.ErrnoException & { address: string; port: number } {
  const host = address.includes(':') ? `[${address}]` : address;
  return Object.assign(new Error(`${syscall} ${code} ${host}:${port}`), { code, syscall, address, port });
}
