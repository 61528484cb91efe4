/** What a CompressionStream or its inverse makes of bytes. (A Response would read it in a line; in Node it takes 25 ms to load.) */
export async function through({ readable, writable }, bytes) {
  const writer = writable.getWriter(), reader = readable.getReader(), parts = [];
  writer.write(bytes);
  writer.close();
  for (let read; !(read = await reader.read()).done; ) parts.push(read.value);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The bytes of what is kept deflated, in base64. */
export async function inflate(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length).map((_, i) => text.charCodeAt(i)); // sooner than of each character
  if (!globalThis.DecompressionStream) return (await import("./fallback.js")).inflated(bytes);
  return through(new DecompressionStream("deflate-raw"), bytes);
}

/** Numbers of 16 bits from all their low bytes and then all high ones. */
export function wordsOf(bytes) {
  const words = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < words.length; i++) words[i] = bytes[i] | (bytes[i + words.length] << 8);
  return words;
}
