// The lines of a stream, each of bounded length: the events of a watch.

/**
 * Each line, without its end; the last one need not have an end. Throws when one is longer than
 * maxBytes, and what the stream throws.
 */
export async function* linesOf(stream: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      bytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > maxBytes) throw new Error(`a line of more than ${maxBytes} bytes`);
  }
  if (bytes > 0) yield Buffer.concat(parts).toString('utf8');
}
