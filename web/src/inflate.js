/** The bytes of what is kept deflated, in base64. */
export async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (!globalThis.DecompressionStream) return (await import("./fallback.js")).inflated(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers of 16 bits from all their low bytes and then all high ones. */
export function wordsOf(bytes) {
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[i] | (bytes[i + bytes.length / 2] << 8));
}
