/** What a CompressionStream or its inverse makes of bytes. (A Response would read it in a line; in Node it takes 25 ms to load.) */
export async function through({ readable, writable }, bytes) {
  const writer = writable.getWriter(), reader = readable.getReader(), parts = [];
  writer.write(bytes);
  writer.close();
  for (let read; !(read = await reader.read()).done; ) parts.push(read.value);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The bytes of what is kept deflated, in base64. */
export async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (!globalThis.DecompressionStream) return (await import("./fallback.js")).inflated(bytes);
  return through(new DecompressionStream("deflate-raw"), bytes);
}

/** Numbers of 16 bits from all their low bytes and then all high ones. */
export function wordsOf(bytes) {
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[i] | (bytes[i + bytes.length / 2] << 8));
}
