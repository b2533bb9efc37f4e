// A host and a port as one text, as people write them. Read back by config/host-and-port.ts.

/** "10.0.0.2:53", "[::1]:53". */
export function formatHostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
