import type { Image } from "./index.js";

/**
 * The file of a grey or RGB picture of 8 or 16 bits, in one tile; of RGBA, alpha is left out. The bytes are those of
 * `apercu.encode(image, quality=…, layers=…)` in Python.
 *
 * quality: 0 to 100, 50 by default. nBytes: in place of it, the highest quality whose file has no more. layers: 1 to 5; by
 * default 1 of a file below 2,000 bytes, else 4 or 5. Rejects with RangeError. Runs on the thread that calls it.
 */
export function encode(image: Omit<Image, "interpretation">, options?: { quality?: number; nBytes?: number; layers?: number }): Promise<Uint8Array<ArrayBuffer>>;
