// Pictures while their bytes arrive.
import { layersIn, readHead } from "./head.js";

async function* chunksOf(source) {
  source = source.body === undefined ? source : (source.body ?? []); // a Response can be without one
  if (!source.getReader) return yield* source;
  const reader = source.getReader();
  try {
    for (let read; !(read = await reader.read()).done; ) yield read.value;
  } finally {
    reader.cancel().catch(() => {}); // whoever has seen enough loads no more
  }
}

/** Each picture that the bytes so far make, by `decode(bytes, layers)`: when a layer of all tiles has arrived, and at the end. */
export async function* streamed(source, { layers, maxPixels, models }, decode) {
  let buffer = new Uint8Array(4096), n = 0, head, tried = 0, shown = 0;
  for await (const chunk of chunksOf(source)) {
    if (!(ArrayBuffer.isView(chunk) && chunk.BYTES_PER_ELEMENT === 1)) throw new TypeError("source must give Uint8Arrays");
    if (n + chunk.length > buffer.length) {
      const larger = new Uint8Array(2 * (n + chunk.length));
      larger.set(buffer);
      buffer = larger;
    }
    buffer.set(chunk, n);
    n += chunk.length;
    if (!head && n < tried * 1.125) continue; // long heads are not read anew with each chunk
    tried = n;
    try {
      head ??= readHead(buffer.subarray(0, n), maxPixels, models);
    } catch (error) {
      if (error.name !== "Truncated") throw error;
      continue;
    }
    const arrived = layersIn(head, n), most = Math.min(layers, head.nLayers);
    if (arrived > shown && arrived < head.nLayers) {
      shown = Math.min(arrived, most);
      yield await decode(buffer.slice(0, n), shown);
      if (shown === most) return;
    }
    if (n > head.size + head.starts?.at(-1)) break; // what follows is an error, however long it goes on
  }
  yield await decode(buffer.slice(0, n), layers);
}
